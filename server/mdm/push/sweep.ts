import { askForStretch } from '../../store/push/ask.ts';
import { takeSweepStretch } from '../../store/push/sweep.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';

/** How often the sweep takes a step, in seconds. */
export const sweepEvery = 60;

/**
 * The next step of the daily round over all enrolments: those that have work waiting, commands put off
 * included, or that have been silent for a day are asked to be pushed to. Small steps, spread over the
 * day, so that Apple and this server never see the whole fleet at once.
 */
export async function pushSweep(ctx: MdmContext): Promise<void> {
  const asked = await withTransaction(ctx.graph, async (client) => {
    const stretch = await takeSweepStretch(client, 'push');
    return stretch === null ? 0 : askForStretch(client, stretch);
  });
  if (asked > 0) ctx.kickJobs();
}
