import type { Pool } from 'pg';
import type { EventFilter, EventType, NumberedEvent } from '../../model/events.ts';
import type { TenantId } from '../../model/viewer.ts';
import { eventColumns, eventOf, type EventRow } from './event-row.ts';
import { type EventStream, streamOf } from './stream.ts';

// One range of the index on the number, whatever else is asked for, so its cost is bounded by the
// range that the caller gives. The ids of a filter are looked up once (hashed), not for each event.
const text = `
select ${eventColumns}
from event v
where v.seq > $1 and v.seq <= $2
  and ($4::int is null or v.tenant_id = $4)
  and ($5::text[] is null or v.type = any($5))
  and ($6::text[] is null
    or v.enrollment_key in (select key from enrollment where id = any($6)))
  and ($7::text[] is null
    or v.command_key in (select key from command where uuid = any($7)))
  and ($8::text[] is null or v.job_id = any($8::uuid[]))
order by v.seq
limit $3`;

/** A stretch of the stream, and what is wanted of it. */
export interface EventRange {
  /** Events behind this number. */
  readonly after: bigint;
  /** Events up to and with this number. */
  readonly upTo: bigint;
  readonly limit: number;
  /** Absent or null: every tenant's. */
  readonly tenant?: TenantId | null;
  readonly filter?: EventFilter;
}

/** Numbered events in their order, with the natural keys of what they are about. */
export async function readEvents(pool: Pool, range: EventRange): Promise<NumberedEvent[]> {
  const { types, enrollmentIds, commandUuids, jobIds } = range.filter ?? {};
  const result = await pool.query<EventRow>({
    name: 'read-events',
    text,
    values: [
      range.after,
      range.upTo,
      range.limit,
      range.tenant ?? null,
      types && [...types],
      enrollmentIds && [...enrollmentIds],
      commandUuids && [...commandUuids],
      jobIds && [...jobIds],
    ],
  });
  return result.rows.map(eventOf);
}

// The stream's row and its events by one snapshot: no event is read that the stream does not count yet,
// and none up to the stream's last number is missed.
const newText = `
select s.id as stream_id, s.last_seq, s.oldest_seq, v.*
from event_stream s
left join lateral (
  select ${eventColumns}
  from event v
  where v.seq > $1 and v.seq <= least(s.last_seq, $2::bigint)
    and ($4::text[] is null or v.type = any($4))
  order by v.seq
  limit $3
) v on true
order by v.seq`;

interface NewRow extends Omit<EventRow, 'seq'> {
  readonly stream_id: string;
  readonly last_seq: string;
  readonly oldest_seq: string;
  /** Null in the only row when there are no events. */
  readonly seq: string | null;
}

/** Where a follower of the stream stands. */
export interface NewRange {
  /** Events behind this number. */
  readonly after: bigint;
  /** Events up to and with this number; absent: as far as the stream goes. */
  readonly upTo?: bigint;
  readonly limit: number;
  /** Absent: every type. */
  readonly types?: ReadonlySet<EventType>;
}

/** What the stream was, and events of it, at one moment. */
export interface NewEvents {
  readonly stream: EventStream;
  /** In their order; complete up to the stream's last number, to `upTo`, or to the last of a full page. */
  readonly events: readonly NumberedEvent[];
}

/** How far the stream goes, and what is new in it. */
export async function readNewEvents(pool: Pool, range: NewRange): Promise<NewEvents> {
  const { after, upTo, limit, types } = range;
  const result = await pool.query<NewRow>({
    name: 'read-new-events',
    text: newText,
    values: [after, upTo ?? null, limit, types && [...types]],
  });
  const [first] = result.rows;
  if (first === undefined) throw new Error('event_stream has lost its row');
  return {
    stream: streamOf({ ...first, id: first.stream_id }),
    events: result.rows.flatMap((row) =>
      row.seq === null ? [] : eventOf({ ...row, seq: row.seq }),
    ),
  };
}
