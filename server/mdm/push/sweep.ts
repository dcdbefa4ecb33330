import type { ClaimedPush } from '../../store/push/claim.ts';
import { claimPage } from '../../store/push/claim.ts';
import { takeSweepStretch } from '../../store/push/sweep.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import type { PushContext } from './push-context.ts';
import { sendPushes } from './send.ts';

const pageSize = 500;

/** Whoever was pushed to within the last hour is left alone, in milliseconds. */
const restMs = 3_600_000;

/**
 * The next stretch of the daily round over all enrolments: those that have work waiting, commands put
 * off included, or that have been silent for a day are pushed to. Small pages, spread over the day, so
 * that Apple and the devices never see the whole fleet at once.
 */
export async function pushSweep(ctx: MdmContext & PushContext, signal: AbortSignal): Promise<void> {
  const stretch = await withTransaction(ctx.graph, (client) => takeSweepStretch(client, 'push'));

  async function* pages(): AsyncGenerator<ClaimedPush> {
    let after: string | null = stretch.from;
    while (after !== null && !signal.aborted) {
      const from: string = after;
      const page = await withTransaction(ctx.graph, (client) =>
        claimPage(
          client,
          { sweepTo: stretch.to },
          { after: from, since: new Date(ctx.clock.now().getTime() - restMs), limit: pageSize },
        ),
      );
      yield* page.claimed;
      after = page.next;
    }
  }

  await sendPushes(ctx, pages(), { tellAccepted: false, jobId: null });
}
