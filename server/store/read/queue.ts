import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { type Count, countedSql, countsOf, guessEach } from './count.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';
import type { TargetState } from '../../model/targets.ts';
import { queueIn } from './target-state.ts';

/** Where an entry stands in its enrolment's queue: the queue's own order. */
export interface QueuePosition {
  readonly urgency: number;
  readonly commandKey: bigint;
}

/** A command that waits for an enrolment. */
export interface QueueRow extends QueuePosition {
  readonly enrollmentKey: bigint;
  readonly commandUuid: string;
  readonly requestType: string;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
  readonly queuedAt: Date;
}

interface Row {
  readonly enrollment_key: string;
  readonly command_key: string;
  readonly urgency: number;
  readonly uuid: string;
  readonly request_type: string;
  readonly not_now_at: Date | null;
  readonly not_now_tally: number;
  readonly first_sent_at: Date | null;
  readonly not_before: Date | null;
  readonly expires_at: Date | null;
  readonly queued_at: Date;
}

/**
 * A page of the queue for each of many enrolments, in the order of delivery. Entries vanish while one
 * pages: a position is the value of the order, so the page behind a vanished entry is still right.
 * @param state only entries in this state; null: all
 */
export async function queuePages(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  state: TargetState | null,
  stretch: Stretch<QueuePosition>,
): Promise<ReadonlyMap<bigint, Page<QueueRow>>> {
  const statement = params([enrollmentKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: QueuePosition | null) =>
    position && [
      statement.add(position.urgency, 'smallint'),
      statement.add(String(position.commandKey), 'bigint'),
    ];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql(['q.urgency', 'q.command_key'], bounds, stretch);
  const inState = state === null ? 'true' : (queueIn(state) ?? 'false');
  const direction = stretch.fromEnd ? ' desc' : '';
  const result = await db.query<Row>(
    `select entry.*, c.uuid, c.request_type
     from unnest($1::bigint[]) as parent (key)
     join enrollment e on e.key = parent.key and ${visible}
     cross join lateral (
       select q.enrollment_key, q.command_key, q.urgency, q.not_now_at, q.not_now_tally,
         q.first_sent_at, q.not_before, q.expires_at, q.queued_at
       from queue_entry q where q.enrollment_key = e.key and ${inState} ${where} ${tail}
     ) entry
     join command c on c.key = entry.command_key
     order by entry.enrollment_key, entry.urgency${direction}, entry.command_key${direction}`,
    statement.values,
  );
  const rows = result.rows.map((row) => ({
    enrollmentKey: BigInt(row.enrollment_key),
    commandKey: BigInt(row.command_key),
    urgency: row.urgency,
    commandUuid: row.uuid,
    requestType: row.request_type,
    notNowAt: row.not_now_at,
    notNowTally: row.not_now_tally,
    firstSentAt: row.first_sent_at,
    notBefore: row.not_before,
    expiresAt: row.expires_at,
    queuedAt: row.queued_at,
  }));
  return pagesOf(rows, (row) => row.enrollmentKey, stretch);
}

/**
 * How long the queue of each of many enrolments is.
 * @param state only entries in this state; null: all
 */
export async function countQueues(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  state: TargetState | null,
): Promise<ReadonlyMap<bigint, Count>> {
  const statement = params([enrollmentKeys.map(String)]);
  const inState = state === null ? 'true' : (queueIn(state) ?? 'false');
  const entries = (key: string) =>
    `select from queue_entry q where q.enrollment_key = ${key} and ${inState}`;
  const { rows } = await inTime(
    db.query<{ key: string; count: number }>(
      `select e.key, ${countedSql(entries('e.key'))} as count
       from enrollment e where e.key = any($1::bigint[]) and ${visibleTo(viewer, 'e', statement)}`,
      statement.values,
    ),
    ['queue'],
  );
  return countsOf(rows, (keys) =>
    guessEach(db, keys, (key) => ({ text: entries('$1'), values: [String(key)] })),
  );
}
