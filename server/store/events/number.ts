import type { Pool } from 'pg';

/** How many events one statement numbers at most: some milliseconds of work. */
export const numberAtOnce = 1000;

// Numbers what is committed and has no number yet, in one statement and one round trip.
//
// Who may: the holder of the lock on the stream's only row. Nobody waits for it (`skip locked`); who
// does not get it numbers nothing and comes again. The lock is kept until the statement has
// committed, so numbering is one after the other, and whoever sees a number sees all lower ones.
//
// Why a statement whose snapshot is older than its lock is harmless (READ COMMITTED):
// - `stream`: when the row was changed and committed since the snapshot, locking it follows the
//   change and returns the newest version, so `last_seq` is never an old one.
// - `waiting` keeps to the snapshot, so it may list events that the previous holder has numbered.
//   Updating such a row follows the change as well and tests the condition again. That is why `seq is
//   null` must be repeated there: without it a row would get a second number. The numbers meant for
//   such rows stay unused. An event missing from an old snapshot is found by the next statement.
// - `moved` changes the row that `stream` has locked, to a value from a joined row, which stays what it
//   was when the change has to be followed there too. `stream` has the newest value already, and
//   nobody else can have changed it since.
//
// Order: an enrolment's later event is written after the earlier one has committed, so every snapshot
// that has the later has the earlier too, with a lower id; and lower ids are taken first. The number
// is computed inside the ordered, materialised part: computed beside the UPDATE, the join would
// decide the order.
//
// What has a number leaves an entry in the index of what waits, until the next vacuum. An ordered index
// scan marks such entries, so that the next one passes over them without a look at the table; a bitmap
// scan never does, and visits all of them each time. Hence:
// - The limit inside is no constant for the planner, which then expects to need a tenth of the rows, and
//   takes them in the index's order. The constant one around it tells the plan, which is made once, how
//   few rows there are; otherwise it may expect very many and read the whole table.
// - `coalesce` says `seq is null` in a form that the index does not know, so that the rows to change are
//   found by their key.
const text = (limit: number): string => `
with waiting as materialized (
  select id from (
    select id from event where seq is null order by id limit (select ${limit})
  ) oldest limit ${limit}
), stream as materialized (
  select last_seq from event_stream where exists (select from waiting) limit 1
  for update skip locked
), next as materialized (
  select waiting.id, stream.last_seq + row_number() over (order by waiting.id) as seq
  from waiting, stream
), numbered as (
  update event set seq = next.seq from next
  where event.id = next.id and coalesce(event.seq, 0) = 0
  returning event.seq
), summary as materialized (
  select count(*) as numbered, max(seq) as last_seq from numbered
), moved as (
  update event_stream set last_seq = summary.last_seq from summary
  where summary.last_seq is not null
)
select summary.numbered::int as numbered,
  coalesce(summary.last_seq, (select last_seq from stream), (select last_seq from event_stream))
    as last_seq,
  exists (select from waiting) and not exists (select from stream) as busy,
  (select count(*) from waiting) = ${limit} as more
from summary`;

interface Row {
  readonly numbered: number;
  readonly last_seq: string;
  readonly busy: boolean;
  readonly more: boolean;
}

/** What one numbering statement did. */
export interface Numbering {
  /** How many events got a number. */
  readonly numbered: number;
  /** The stream's last number as far as this statement knows. */
  readonly lastSeq: bigint;
  /** Events wait, but somebody else was numbering: come again. */
  readonly busy: boolean;
  /** There may be more events than were taken at once. */
  readonly more: boolean;
}

/**
 * Gives committed events their place in the stream. Any number of processes may call it at once.
 * Numbers only grow; some may stay unused.
 * @param limit how many events at most; a few different values at most in one program, because each
 *   is a prepared statement of its own
 */
export async function numberEvents(pool: Pool, limit = numberAtOnce): Promise<Numbering> {
  const result = await pool.query<Row>({ name: `number-events-${limit}`, text: text(limit) });
  const row = result.rows[0];
  if (row === undefined) throw new Error('event_stream has lost its row');
  return {
    numbered: row.numbered,
    lastSeq: BigInt(row.last_seq),
    busy: row.busy,
    more: row.more,
  };
}
