import type { PoolClient } from 'pg';
import type { EventData } from '../../model/events.ts';

/** A line of the history of what enrolments are like. */
export interface ChangeRow {
  readonly enrollmentKey: bigint;
  readonly section: string;
  readonly field: string;
  /** JSON. */
  readonly previous: unknown;
  readonly current: unknown;
  readonly at: Date;
  readonly commandKey: bigint;
}

/** Adds to the history. */
export async function appendChanges(client: PoolClient, rows: readonly ChangeRow[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: 'append-inventory-changes',
    text: `
insert into inventory_change
  (enrollment_key, tenant_id, section, field, previous, current, at, command_key)
select e.key, e.tenant_id, section, field, previous::jsonb, current::jsonb, at, command_key
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::bigint[]) with ordinality
  as new (enrollment_key, section, field, previous, current, at, command_key, n)
join enrollment e on e.key = new.enrollment_key
order by n`,
    values: [
      rows.map(({ enrollmentKey }) => enrollmentKey),
      rows.map(({ section }) => section),
      rows.map(({ field }) => field),
      rows.map(({ previous }) => jsonOrNull(previous)),
      rows.map(({ current }) => jsonOrNull(current)),
      rows.map(({ at }) => at),
      rows.map(({ commandKey }) => commandKey),
    ],
  });
}

/** An event that something about an enrolment has changed. */
export interface InventoryEvent {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
  readonly at: Date;
  readonly traceId: string | null;
  readonly data: EventData;
}

/** Appends events, in their order. */
export async function appendInventoryEvents(
  client: PoolClient,
  events: readonly InventoryEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await client.query({
    name: 'append-inventory-events',
    text: `
insert into event (type, tenant_id, at, trace_id, enrollment_key, command_key, data)
select 'InventoryChanged', e.tenant_id, at, trace_id, e.key, command_key, data::jsonb
from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::bigint[], $5::text[])
  with ordinality as new (at, trace_id, enrollment_key, command_key, data, n)
join enrollment e on e.key = new.enrollment_key
order by n`,
    values: [
      events.map(({ at }) => at),
      events.map(({ traceId }) => traceId),
      events.map(({ enrollmentKey }) => enrollmentKey),
      events.map(({ commandKey }) => commandKey),
      events.map(({ data }) => JSON.stringify(data)),
    ],
  });
}

/** An answer that inventory was not taken from. */
export interface ProblemRow {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
  readonly reason: string;
}

/** Notes why answers are no inventory. */
export async function writeProblems(
  client: PoolClient,
  rows: readonly ProblemRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: 'write-inventory-problems',
    text: `
insert into inventory_problem (enrollment_key, command_key, tenant_id, reason)
select e.key, new.command_key, e.tenant_id, new.reason
from unnest($1::bigint[], $2::bigint[], $3::text[]) as new (enrollment_key, command_key, reason)
join enrollment e on e.key = new.enrollment_key
on conflict (enrollment_key, command_key) do update set reason = excluded.reason, at = now()`,
    values: [
      rows.map(({ enrollmentKey }) => enrollmentKey),
      rows.map(({ commandKey }) => commandKey),
      rows.map(({ reason }) => reason),
    ],
  });
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
