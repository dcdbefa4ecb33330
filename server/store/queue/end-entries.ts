import type { Pool, PoolClient } from 'pg';

/** How a target leaves the queue without an answer. */
export type EndReason = 'RE_ENROLLED' | 'UNENROLLED' | 'CLEARED' | 'CANCELLED' | 'EXPIRED';

/**
 * Ends everything that waits for these enrolments: each entry goes to history with its reason and an
 * event. Entries are touched in key order, so that two of these never deadlock.
 * @returns how many were ended
 */
export async function endQueues(
  client: PoolClient,
  enrollmentKeys: readonly string[],
  reason: EndReason,
  at: Date,
  traceId: string,
): Promise<number> {
  const result = await client.query({
    name: 'end-queues',
    text: `
with waiting as materialized (
  select enrollment_key, urgency, command_key from queue_entry
  where enrollment_key = any($1::bigint[])
  order by enrollment_key, urgency, command_key
  for update
), gone as (
  delete from queue_entry q using waiting w
  where q.enrollment_key = w.enrollment_key and q.urgency = w.urgency
    and q.command_key = w.command_key
  returning q.*
), history as (
  insert into command_result (enrollment_key, command_key, ended, not_now_at, not_now_tally,
    first_sent_at, queued_at, ended_at)
  select enrollment_key, command_key, $2, not_now_at, not_now_tally, first_sent_at, queued_at, $3
  from gone
)
insert into event (type, tenant_id, at, trace_id, enrollment_key, command_key, data)
select 'CommandEnded', c.tenant_id, $3, $4, g.enrollment_key, g.command_key,
  jsonb_build_object('reason', $2::text, 'requestType', c.request_type,
    'notNowTally', g.not_now_tally)
from gone g join command c on c.key = g.command_key
order by g.enrollment_key, g.urgency, g.command_key`,
    values: [enrollmentKeys, reason, at, traceId],
  });
  return result.rowCount ?? 0;
}

/**
 * Ends entries whose time is over, the oldest first, a page at a time.
 * @returns how many; a full page means that there may be more
 */
export async function endExpired(pool: Pool, at: Date): Promise<number> {
  const result = await pool.query(
    `
with over as materialized (
  select enrollment_key, urgency, command_key from queue_entry
  where expires_at <= $1
  order by expires_at limit 2000
  for update skip locked
), gone as (
  delete from queue_entry q using over o
  where q.enrollment_key = o.enrollment_key and q.urgency = o.urgency
    and q.command_key = o.command_key
  returning q.*
), history as (
  insert into command_result (enrollment_key, command_key, ended, not_now_at, not_now_tally,
    first_sent_at, queued_at, ended_at)
  select enrollment_key, command_key, 'EXPIRED', not_now_at, not_now_tally, first_sent_at,
    queued_at, $1
  from gone
)
insert into event (type, tenant_id, at, enrollment_key, command_key, data)
select 'CommandEnded', c.tenant_id, $1, g.enrollment_key, g.command_key,
  jsonb_build_object('reason', 'EXPIRED', 'requestType', c.request_type,
    'notNowTally', g.not_now_tally)
from gone g join command c on c.key = g.command_key
order by g.enrollment_key, g.urgency, g.command_key`,
    [at],
  );
  return result.rowCount ?? 0;
}
