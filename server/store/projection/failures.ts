import type { PoolClient } from 'pg';
import type { NumberedEvent } from '../../model/events.ts';

/** Notes that a projection passed over an event, and why, in the transaction that does so. */
export async function recordFailure(
  client: PoolClient,
  projection: string,
  event: NumberedEvent,
  reason: string,
): Promise<void> {
  await client.query(
    `insert into projection_failure (projection, event_id, event_seq, event_type, tenant_id,
       enrollment_key, command_key, reason)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (projection, event_id) do update set reason = excluded.reason, at = now()`,
    [
      projection,
      event.id,
      event.seq,
      event.type,
      event.tenantId,
      event.enrollmentKey,
      event.commandKey,
      reason,
    ],
  );
}
