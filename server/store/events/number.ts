import type { Pool } from 'pg';
import type { NumberedEvent } from '../../model/events.ts';
import { eventColumns, eventOf, type EventRow } from './event-row.ts';

/** How many events one statement numbers at most: some milliseconds of work. */
export const numberAtOnce = 1000;

/**
 * How many events the statement gives back at most; more are left to a reader, page by page. PostgreSQL commits after
 * they are sent, so they have to fit into the buffers of a socket that nobody reads: a kilobyte each.
 */
const toldAtOnce = 30;

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
//   found by their key: numbers begin with 1. (While PostgreSQL believes that thousands wait, it may read a
//   small table whole instead.)
//
// A plan is made with the size that the table has then, and an empty one is best read whole. So each doubling of
// the table has a prepared statement of its own, and an empty table none.
//
// To tell what was numbered is for who follows the stream: it spares the read that would come next. It is what lies
// behind the stream's last number of before, all of it, up to the new one.
const text = (limit: number, tell: boolean): string => `
with waiting as materialized (
  select id from (
    select id from event where seq is null order by id limit (select ${limit})
  ) oldest limit ${limit}
), stream as materialized (
  select last_seq, id from event_stream where exists (select from waiting) limit 1
  for update skip locked
), next as materialized (
  select waiting.id, stream.last_seq + row_number() over (order by waiting.id) as seq
  from waiting, stream
), numbered as (
  update event set seq = next.seq from next
  where event.id = next.id and coalesce(event.seq, 0) = 0
  returning ${tell ? 'event.*' : 'event.seq'}
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
  (select count(*) from waiting) = ${limit} as more,
  pg_relation_size('event') / current_setting('block_size')::int as pages
  ${tell ? told : ''}
from summary ${tell ? toldFrom : ''}`;

const told = `, (select id from stream) as stream_id, (select last_seq from stream) as before, v.*`;
const toldFrom = `left join lateral (
  select ${eventColumns} from numbered v where summary.numbered <= ${toldAtOnce}
) v on true
order by v.seq`;

interface Row {
  readonly numbered: number;
  readonly last_seq: string;
  readonly busy: boolean;
  readonly more: boolean;
  readonly pages: string;
}

interface TellingRow extends Row, Omit<EventRow, 'seq'> {
  readonly stream_id: string | null;
  readonly before: string | null;
  /** Null in the only row when there is nothing to tell. */
  readonly seq: string | null;
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
  /** What was numbered; null: it was not asked for, it is nothing, or too much. */
  readonly news: News | null;
}

/** What one numbering statement did, and what the next one wants to know. */
export interface SizedNumbering extends Numbering {
  /** How large the table is, in pages of the database. */
  readonly pages: number;
}

/** All events of a stretch of the stream, which goes up to `Numbering.lastSeq`. */
export interface News {
  readonly streamId: string;
  /** They lie behind this number. */
  readonly after: bigint;
  /** In their order. */
  readonly events: readonly NumberedEvent[];
}

/** How events are numbered. */
export interface NumberOptions {
  /**
   * How many events at most; a few different values at most in one program, because each is a prepared statement
   * of its own. @default numberAtOnce
   */
  readonly limit?: number;
  /** Whether to tell what was numbered, if that is not much. @default false */
  readonly tell?: boolean;
  /** How large the table was, as the numbering before said. @default 0 */
  readonly pages?: number;
}

/**
 * Gives committed events their place in the stream. Any number of processes may call it at once.
 * Numbers only grow; some may stay unused.
 */
export async function numberEvents(
  pool: Pool,
  { limit = numberAtOnce, tell = false, pages = 0 }: NumberOptions = {},
): Promise<SizedNumbering> {
  const { rows } = await pool.query<Row & Partial<TellingRow>>({
    ...(pages > 0 && { name: nameOf(limit, tell, pages) }),
    text: text(limit, tell),
  });
  const [row] = rows;
  if (row === undefined) throw new Error('event_stream has lost its row');
  return {
    numbered: row.numbered,
    lastSeq: BigInt(row.last_seq),
    busy: row.busy,
    more: row.more,
    pages: Number(row.pages),
    news: tell ? newsOf(rows as readonly TellingRow[]) : null,
  };
}

function nameOf(limit: number, tell: boolean, pages: number): string {
  return `number-${tell ? 'and-tell-' : ''}events-${limit}-${Math.floor(Math.log2(pages))}`;
}

function newsOf(rows: readonly TellingRow[]): News | null {
  const [first] = rows;
  const { stream_id: streamId, before } = first ?? { stream_id: null, before: null };
  const events = rows.flatMap((row) => (row.seq === null ? [] : eventOf({ ...row, seq: row.seq })));
  if (streamId === null || before === null || events.length === 0) return null;
  return { streamId, after: BigInt(before), events };
}
