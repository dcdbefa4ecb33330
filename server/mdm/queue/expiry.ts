import { endExpired } from '../../store/queue/end-entries.ts';
import type { MdmContext } from '../context.ts';

/** Ends commands that were not answered in their time: history and an event for each target. */
export async function endExpiredCommands(ctx: MdmContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if ((await endExpired(ctx.graph, ctx.clock.now())) === 0) return;
    ctx.committed();
  }
}
