import type { Pool } from 'pg';

/** Notes that a command was handed to a device, before it is: the first time counts. */
export async function markSent(
  pool: Pool,
  enrollmentKey: string,
  commandUuid: string,
  at: Date,
): Promise<void> {
  await pool.query({
    name: 'mark-sent',
    text: `
update queue_entry q set first_sent_at = $3
from command c
where q.enrollment_key = $1 and c.uuid = $2 and q.command_key = c.key and q.first_sent_at is null`,
    values: [enrollmentKey, commandUuid, at],
  });
}

/** That a command was handed to a device, by the names that both are known by outside. */
export interface SentCommand {
  readonly enrollmentId: string;
  readonly commandUuid: string;
  readonly at: Date;
}

/**
 * Writes when commands were first handed over, many at once and in key order: to the queue, or to the
 * history of what was answered to another process meanwhile. The first time counts.
 */
export async function writeFirstSent(pool: Pool, sent: readonly SentCommand[]): Promise<void> {
  await pool.query({
    name: 'write-first-sent',
    text: `
with sent as materialized (
  select e.key as enrollment_key, c.key as command_key, s.at
  from unnest($1::text[], $2::text[], $3::timestamptz[]) as s (enrollment_id, uuid, at)
  join enrollment e on e.id = s.enrollment_id
  join command c on c.uuid = s.uuid and c.tenant_id = e.tenant_id
  order by e.key, c.key
), waiting as materialized (
  select q.enrollment_key, q.command_key, sent.at
  from sent
  join queue_entry q on q.command_key = sent.command_key
    and q.enrollment_key = sent.enrollment_key
  where q.first_sent_at is null or q.first_sent_at > sent.at
  order by q.enrollment_key, q.urgency, q.command_key
  for update of q
), marked as (
  update queue_entry q set first_sent_at = w.at from waiting w
  where q.command_key = w.command_key and q.enrollment_key = w.enrollment_key
)
update command_result r set first_sent_at = sent.at from sent
where r.enrollment_key = sent.enrollment_key and r.command_key = sent.command_key
  and r.first_sent_at is null`,
    values: [
      sent.map((one) => one.enrollmentId),
      sent.map((one) => one.commandUuid),
      sent.map((one) => one.at),
    ],
  });
}
