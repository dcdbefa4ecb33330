import type { PoolClient } from 'pg';
import type { EventData, EventType } from '../../model/events.ts';

/** An event that a transaction appends; it gets its number once that has committed. */
export interface NewEvent {
  readonly type: EventType;
  readonly tenantId: number;
  readonly at: Date;
  readonly traceId: string | null;
  readonly actor?: string;
  readonly enrollmentKey?: string;
  readonly commandKey?: string;
  readonly checkInId?: string;
  readonly data: EventData;
}

/** Appends an event in the caller's transaction. */
export async function appendEvent(client: PoolClient, event: NewEvent): Promise<void> {
  await client.query({
    name: 'append-event',
    text: `
insert into event
  (type, tenant_id, at, trace_id, actor, enrollment_key, command_key, check_in_id, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [
      event.type,
      event.tenantId,
      event.at,
      event.traceId,
      event.actor ?? null,
      event.enrollmentKey ?? null,
      event.commandKey ?? null,
      event.checkInId ?? null,
      event.data,
    ],
  });
}
