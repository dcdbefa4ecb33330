import { claimDue } from '../../store/push/claim.ts';
import type { MdmContext } from '../context.ts';
import type { PushContext } from './push-context.ts';
import { sendPushes } from './send.ts';

const pageSize = 500;

/** Sends the pushes whose time has come: put off, tried before, or left behind by a dead process. */
export async function pushDue(ctx: MdmContext & PushContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const claimed = await claimDue(ctx.graph, pageSize);
    if (claimed.length === 0) return;
    await sendPushes(ctx, claimed, { tellAccepted: false, jobId: null });
    if (claimed.length < pageSize) return;
  }
}
