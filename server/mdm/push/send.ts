import type { Push } from '../../apns/client.ts';
import { pushEach } from '../../apns/push-each.ts';
import type { ClaimedPush } from '../../store/push/claim.ts';
import { keepOutcomes, type PushOutcomeRow } from '../../store/push/outcomes.ts';
import { enrollmentPlace } from '../check-in/store-raw.ts';
import type { MdmContext } from '../context.ts';
import { outcomeRow, unsent } from './outcome.ts';
import type { PushContext } from './push-context.ts';

/** Outcomes that are written together at most. */
const batchSize = 500;

/** Milliseconds that an outcome waits for others at most. */
const batchMs = 100;

interface Sendable extends Push {
  readonly push: ClaimedPush;
}

export interface SendOptions {
  /** Append an event for each accepted push too. */
  readonly tellAccepted: boolean;
  readonly jobId: string | null;
  /** Told after outcomes were written: how many, and how many of them failed. */
  readonly wrote?: (count: number, failed: number) => Promise<void>;
}

/**
 * Sends claimed pushes, hundreds under way at once, and keeps what becomes of each in set-based batches.
 * Memory is bounded whatever the source's length.
 */
export async function sendPushes(
  ctx: MdmContext & PushContext,
  source: AsyncIterable<ClaimedPush> | Iterable<ClaimedPush>,
  options: SendOptions,
): Promise<void> {
  const { apns, random, log } = ctx;
  let batch: PushOutcomeRow[] = [];
  let writing = Promise.resolve();
  let cancelTimer: (() => void) | null = null;

  function add(row: PushOutcomeRow): Promise<void> {
    batch.push(row);
    if (batch.length >= batchSize) flush();
    else cancelTimer ??= ctx.clock.setTimer(batchMs, flush);
    return writing;
  }

  function flush(): void {
    cancelTimer?.();
    cancelTimer = null;
    const rows = batch;
    batch = [];
    if (rows.length > 0) writing = writing.then(() => write(rows));
  }

  async function write(rows: readonly PushOutcomeRow[]): Promise<void> {
    const { tellAccepted: accepted, jobId } = options;
    const inOrder = rows.toSorted((a, b) =>
      Number(BigInt(a.enrollmentKey) - BigInt(b.enrollmentKey)),
    );
    try {
      await keepOutcomes(ctx.graph, inOrder, { accepted, jobId });
      const failed = rows.filter(isFailure).length;
      await options.wrote?.(rows.length, failed);
      ctx.committed();
    } catch (error) {
      // The claims run out by themselves, and then these are pushed once more.
      log.error({ err: error, pushes: rows.length }, 'outcomes of pushes could not be stored');
    }
  }

  async function* sendable(): AsyncGenerator<Sendable> {
    for await (const push of source) {
      const ready = readyToSend(ctx, push);
      if ('topic' in ready) yield ready;
      else await add(ready);
    }
  }

  try {
    await pushEach(apns, sendable(), ({ push }, outcome) => {
      if (outcome.kind === 'certificate-refused' && push.topic !== null) {
        ctx.identities.refused(push.topic, outcome.reason);
      }
      return void add(outcomeRow(push, outcome, random));
    });
  } finally {
    flush();
    await writing;
  }
}

function readyToSend(ctx: MdmContext & PushContext, push: ClaimedPush): Sendable | PushOutcomeRow {
  const { topic, token, pushMagic, certificateVersion, topicStopped } = push;
  if (topic === null || token === null || pushMagic === null) {
    return unsent(push, 'NO_PUSH_DATA', 'no TokenUpdate was received yet');
  }
  if (push.deadToken !== null) {
    return unsent(
      push,
      push.deadToken,
      'the device has not sent a new token since Apple refused this',
    );
  }
  if (certificateVersion === null) {
    return unsent(push, 'NO_CERTIFICATE', `no push certificate was uploaded for ${topic}`);
  }
  if (topicStopped !== null) return unsent(push, 'CERTIFICATE_REFUSED', topicStopped);
  ctx.identities.seen(topic, certificateVersion);
  const place = enrollmentPlace('push_magic', push.enrollmentId);
  return { push, topic, token, pushMagic: ctx.keyring.open(place, pushMagic).toString() };
}

/** Whether a push neither was taken nor will be tried again by itself. */
function isFailure(row: PushOutcomeRow): boolean {
  return row.outcome !== 'ACCEPTED' && row.retryInSeconds === null;
}
