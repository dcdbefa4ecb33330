import type { EventData, EventType, NumberedEvent } from '../../model/events.ts';

/**
 * What is read of an event `v`. The ids come by a look-up for each row, not by joins: those could lose the order
 * that the index gives.
 */
export const eventColumns = `v.seq, v.id, v.type, v.tenant_id, v.at, v.trace_id, v.actor, v.enrollment_key,
  (select e.id from enrollment e where e.key = v.enrollment_key) as enrollment_id, v.command_key,
  (select c.uuid from command c where c.key = v.command_key) as command_uuid, v.check_in_id,
  v.job_id, v.data`;

/** A row of `eventColumns`. */
export interface EventRow {
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

/** An event as its row tells it. */
export function eventOf(row: EventRow): NumberedEvent {
  return {
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
  };
}
