import type { Pool } from 'pg';
import type { EventData, EventFilter, EventType, NumberedEvent } from '../../model/events.ts';
import type { TenantId } from '../../model/viewer.ts';

// One range of the index on the number, whatever else is asked for, so its cost is bounded by the
// range that the caller gives. The ids of a filter are looked up once (hashed), not for each event.
// The ids come by a look-up for each row, not by joins: those could lose the order that the index gives.
const text = `
select v.seq, v.id, v.type, v.tenant_id, v.at, v.trace_id, v.actor, v.enrollment_key,
  (select e.id from enrollment e where e.key = v.enrollment_key) as enrollment_id, v.command_key,
  (select c.uuid from command c where c.key = v.command_key) as command_uuid, v.check_in_id,
  v.job_id, v.data
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

interface Row {
  readonly seq: string;
  readonly id: string;
  readonly type: EventType;
  readonly tenant_id: number;
  readonly at: Date;
  readonly trace_id: string | null;
  readonly actor: string | null;
  readonly enrollment_key: string | null;
  readonly enrollment_id: string | null;
  readonly command_key: string | null;
  readonly command_uuid: string | null;
  readonly check_in_id: string | null;
  readonly job_id: string | null;
  readonly data: EventData | null;
}

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
  const result = await pool.query<Row>({
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
  return result.rows.map((row) => ({
    seq: BigInt(row.seq),
    id: BigInt(row.id),
    type: row.type,
    tenantId: row.tenant_id,
    at: row.at,
    traceId: row.trace_id,
    actor: row.actor,
    enrollmentKey: row.enrollment_key === null ? null : BigInt(row.enrollment_key),
    enrollmentId: row.enrollment_id,
    commandKey: row.command_key === null ? null : BigInt(row.command_key),
    commandUuid: row.command_uuid,
    checkInId: row.check_in_id,
    jobId: row.job_id,
    data: row.data ?? {},
  }));
}
