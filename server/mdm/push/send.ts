import type { Push } from '../../apns/client.ts';
import { pushEach } from '../../apns/push-each.ts';
import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import type { PushOutcomeRow } from '../../store/push/outcomes.ts';
import { enrollmentPlace } from '../check-in/store-raw.ts';
import type { MdmContext } from '../context.ts';
import { createBatches } from './batches.ts';
import { createOpenClaims } from './open-claims.ts';
import { outcomeRow, unsent } from './outcome.ts';
import type { PushContext } from './push-context.ts';

/** Outcomes that are written together at most, and how long one waits for others, in milliseconds. */
const batch = { size: 500, ms: 100 };

interface Sendable extends Push {
  readonly push: ClaimedPush;
}

/**
 * Sends claimed pushes, hundreds under way at once, and has what becomes of each kept in batches. Memory
 * is that of a few pages, whatever the source's length.
 * @param pages read only as fast as pushes are answered
 * @param keep stores outcomes, of one batch at a time
 * @throws what the source or `keep` has thrown, when the pushes under way have ended
 */
export async function sendPushes(
  ctx: MdmContext & PushContext,
  pages: AsyncIterable<readonly ClaimedPush[]>,
  keep: (rows: readonly PushOutcomeRow[]) => Promise<void>,
): Promise<void> {
  const claims = createOpenClaims(ctx);
  const outcomes = createBatches<PushOutcomeRow>({
    clock: ctx.clock,
    ...batch,
    async write(rows) {
      await keep(rows);
      claims.remove(rows.map(({ push }) => push));
    },
  });

  async function* sendable(): AsyncGenerator<Sendable> {
    for await (const page of pages) {
      claims.add(page);
      for (const push of page) {
        const ready = readyToSend(ctx, push);
        if ('topic' in ready) yield ready;
        else await outcomes.add(ready);
      }
    }
  }

  try {
    await pushEach(ctx.apns, sendable(), ({ push }, outcome) => {
      const { topic, certificateVersion } = push;
      if (outcome.kind === 'certificate-refused' && topic !== null && certificateVersion !== null) {
        ctx.identities.refused(topic, certificateVersion, outcome.reason);
      }
      return outcomes.add(outcomeRow(push, outcome, ctx.random));
    });
  } finally {
    await outcomes.end().finally(() => claims.stop());
  }
}

function readyToSend(ctx: MdmContext & PushContext, push: ClaimedPush): Sendable | PushOutcomeRow {
  const { topic, token, certificateVersion, topicStopped, deadToken } = push;
  if (topic === null || token === null || push.pushMagic === null) {
    return unsent(push, 'NO_PUSH_DATA', 'no TokenUpdate was received yet');
  }
  if (deadToken !== null) {
    return unsent(push, deadToken, 'the device has not sent its token anew since Apple refused it');
  }
  if (certificateVersion === null) {
    return unsent(push, 'NO_CERTIFICATE', `no push certificate was uploaded for ${topic}`);
  }
  if (topicStopped !== null) return unsent(push, 'CERTIFICATE_REFUSED', topicStopped);
  const pushMagic = openPushMagic(ctx, push.enrollmentId, push.pushMagic);
  if (pushMagic === null) return unsent(push, 'NO_PUSH_DATA', 'its PushMagic cannot be read');
  ctx.identities.seen(topic, certificateVersion);
  return { push, topic, token, pushMagic };
}

function openPushMagic(ctx: MdmContext, enrollmentId: string, sealed: Buffer): string | null {
  try {
    return ctx.keyring.open(enrollmentPlace('push_magic', enrollmentId), sealed).toString();
  } catch (error) {
    // One row that is broken must not keep all others from being pushed to.
    ctx.log.error({ err: error, enrollmentId }, 'a PushMagic cannot be opened');
    return null;
  }
}
