import type { Viewer } from '../../model/viewer.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';

/** Where a check-in stands among those of its enrolment. */
export interface CheckInPosition {
  /** Microseconds since 1970: a `Date` would round what the order is made of. */
  readonly receivedMicros: bigint;
  readonly id: string;
}

/** A check-in that was kept; without its bytes. */
export interface CheckInRow extends CheckInPosition {
  readonly enrollmentKey: bigint;
  readonly enrollmentId: string;
  readonly messageType: string;
  readonly urlParams: Readonly<Record<string, string>> | null;
  readonly traceId: string;
  readonly receivedAt: Date;
}

interface Row {
  readonly id: string;
  readonly enrollment_key: string;
  readonly enrollment_id: string;
  readonly message_type: string;
  readonly url_params: Readonly<Record<string, string>> | null;
  readonly trace_id: string;
  readonly received_at: Date;
  readonly received_micros: string;
}

const columns = `m.id, m.enrollment_key, e.id as enrollment_id, m.message_type, m.url_params,
  m.trace_id, m.received_at, (extract(epoch from m.received_at) * 1000000)::bigint as received_micros`;

/** A page of the check-ins of each of many enrolments, oldest first. */
export async function checkInPages(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  stretch: Stretch<CheckInPosition>,
): Promise<ReadonlyMap<bigint, Page<CheckInRow>>> {
  const statement = params([enrollmentKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: CheckInPosition | null) =>
    position && [
      `(timestamptz 'epoch' + ${statement.add(String(position.receivedMicros), 'bigint')} ` +
        `* interval '1 microsecond')`,
      statement.add(position.id, 'uuid'),
    ];
  const [after, before] = [bound(stretch.after), bound(stretch.before)];
  // Said by rows of the enrolment too: PostgreSQL does not know how many check-ins one has, and would read
  // and sort all that are behind a cursor.
  const row = '(m.enrollment_key, m.received_at, m.id)';
  const where = [
    after ? `${row} > (e.key, ${after.join(', ')})` : 'm.enrollment_key >= e.key',
    before ? `${row} < (e.key, ${before.join(', ')})` : 'm.enrollment_key <= e.key',
  ].join(' and ');
  const ordered = ['m.enrollment_key', 'm.received_at', 'm.id'];
  const { tail } = stretchSql(ordered, { after: null, before: null }, stretch);
  const direction = stretch.fromEnd ? 'desc' : '';
  const result = await db.query<Row>(
    `select message.*
     from unnest($1::bigint[]) as parent (key)
     join enrollment e on e.key = parent.key and ${visible}
     cross join lateral (
       select ${columns} from check_in m where ${where} ${tail}
     ) message
     order by message.enrollment_key, message.received_at ${direction}, message.id ${direction}`,
    statement.values,
  );
  return pagesOf(result.rows.map(checkInOf), ({ enrollmentKey }) => enrollmentKey, stretch);
}

/** Check-ins by their ids. */
export async function checkInsById(
  db: Queryable,
  viewer: Viewer,
  ids: readonly string[],
): Promise<ReadonlyMap<string, CheckInRow>> {
  const statement = params([ids]);
  const result = await db.query<Row>(
    `select ${columns}
     from check_in m
     join enrollment e on e.key = m.enrollment_key and ${visibleTo(viewer, 'e', statement)}
     where m.id = any($1::uuid[])`,
    statement.values,
  );
  return new Map(result.rows.map((row) => [row.id, checkInOf(row)]));
}

/** The bytes of check-ins as they are stored (sealed), by the check-ins' ids. */
export async function checkInBytes(
  db: Queryable,
  viewer: Viewer,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const statement = params([ids]);
  const result = await db.query<{ id: string; raw: Buffer }>(
    `select m.id, m.raw
     from check_in m
     join enrollment e on e.key = m.enrollment_key and ${visibleTo(viewer, 'e', statement)}
     where m.id = any($1::uuid[])`,
    statement.values,
  );
  return new Map(result.rows.map(({ id, raw }) => [id, raw]));
}

function checkInOf(row: Row): CheckInRow {
  return {
    id: row.id,
    enrollmentKey: BigInt(row.enrollment_key),
    enrollmentId: row.enrollment_id,
    messageType: row.message_type,
    urlParams: row.url_params,
    traceId: row.trace_id,
    receivedAt: row.received_at,
    receivedMicros: BigInt(row.received_micros),
  };
}
