import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { claimIds } from '../../store/push/claim-ids.ts';
import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import { keepOutcomes, type PushOutcomeRow } from '../../store/push/outcomes.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import type { PushContext } from './push-context.ts';
import { sendPushes } from './send.ts';

/** What became of the push to one enrolment. */
export interface PushedNow {
  /** Names the push at Apple; null when nothing was sent, or it was not answered. */
  readonly apnsId: string | null;
  /** Null: Apple took it. */
  readonly error: string | null;
}

/** Enrolments that are claimed together. */
const pageSize = 1_000;

/**
 * How long a caller waits for Apple, in milliseconds: tools that ask so wait for a minute themselves.
 * What is not answered then goes on, and is tried again like any other push.
 */
const patience = 45_000;

/**
 * Pushes to enrolments by id, and waits for what becomes of it.
 * @returns by id, for each that was asked for
 * @throws {ForbiddenError} the viewer may not push
 */
export async function pushNow(
  ctx: MdmContext & PushContext,
  viewer: Viewer,
  ids: readonly string[],
): Promise<ReadonlyMap<string, PushedNow>> {
  demandScope(viewer, 'push:write');
  await appendAudit(ctx.graph, viewer, 'pushNow', currentTraceId() ?? null, {
    targetCount: ids.length,
  });
  return wakeNow(ctx, viewer, ids);
}

/** The same as part of what is on record already. */
export async function wakeNow(
  ctx: MdmContext & PushContext,
  viewer: Viewer,
  ids: readonly string[],
): Promise<ReadonlyMap<string, PushedNow>> {
  const outcomes = new Map<string, PushedNow>();
  // The caller may have been answered before the last push is.
  const traceId = currentTraceId() ?? null;
  const sending = sendPushes(ctx, pages(), keep);
  // What fails after the caller's patience has ended has nobody else to tell.
  sending.catch((error: unknown) => ctx.log.error({ traceId, err: error }, 'pushing by id failed'));
  let cancel = (): void => {};
  await Promise.race([
    sending,
    new Promise<void>((resolve) => {
      cancel = ctx.clock.setTimer(patience, resolve);
    }),
  ]).finally(() => cancel());
  return new Map(
    ids.map((id) => [
      id,
      outcomes.get(id) ?? failed('Apple has not answered yet; the push is tried again'),
    ]),
  );

  async function* pages(): AsyncGenerator<readonly ClaimedPush[]> {
    for (let from = 0; from < ids.length; from += pageSize) {
      const page = ids.slice(from, from + pageSize);
      const asked = await withTransaction(ctx.graph, (client) =>
        claimIds(client, page, viewer.tenant),
      );
      for (const id of page)
        outcomes.set(id, failed('push data missing for id: no such enrolment'));
      for (const { enrollmentId: id, enabled, ours } of asked) {
        if (ours) outcomes.delete(id);
        else outcomes.set(id, failed(enabled ? toldToWait : notEnabled));
      }
      yield asked.filter((one) => one.ours);
    }
  }

  async function keep(rows: readonly PushOutcomeRow[]): Promise<void> {
    for (const row of rows) outcomes.set(row.push.enrollmentId, pushedNow(row));
    await keepOutcomes(ctx.graph, rows, { accepted: false, jobId: null, traceId });
    ctx.committed();
  }
}

const notEnabled = 'the enrolment is not enabled: it has checked out or not finished enrolling';
const toldToWait = 'Apple wants the device left in peace; it is pushed to when that is over';

function failed(error: string): PushedNow {
  return { apnsId: null, error };
}

/** In the words of NanoMDM where they say the same. */
function pushedNow({ outcome, reason, status, apnsId }: PushOutcomeRow): PushedNow {
  if (outcome === 'ACCEPTED') return { apnsId, error: null };
  if (status === null) return failed(reason ?? outcome);
  return { apnsId, error: `push HTTP status: ${status}: APNs push error: ${reason ?? outcome}` };
}
