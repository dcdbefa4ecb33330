import type { Pool } from 'pg';
import { claimColumns, type ClaimedPush, claimSeconds } from './claimed-push.ts';

/**
 * Claims pushes whose time has come: asked for, put off, to be tried again, or left by a process that
 * died. Those of enrolments that are disabled by now are let go.
 */
export async function claimDue(pool: Pool, limit: number): Promise<readonly ClaimedPush[]> {
  const result = await pool.query<ClaimedPush>({
    name: 'claim-due-pushes',
    text: `
with due as materialized (
  select enrollment_key from push_state where retry_at <= now()
  order by retry_at limit $1 for update skip locked
), s as (
  update push_state s set claimed_at = now(),
    retry_at = case when e.enabled then now() + interval '${claimSeconds} seconds' end
  from due join enrollment e on e.key = due.enrollment_key
  where s.enrollment_key = due.enrollment_key
  returning s.*
)
select ${claimColumns}, s.attempts
from s join enrollment e on e.key = s.enrollment_key
left join push_certificate p on p.topic = e.topic
where e.enabled`,
    values: [limit],
  });
  return result.rows;
}

/**
 * Makes claims last from now on for as long as a new one: their pushes are still under way. One whose
 * enrolment was asked for again meanwhile stays due.
 */
export async function keepClaims(
  pool: Pool,
  claims: readonly Pick<ClaimedPush, 'enrollmentKey' | 'claim'>[],
): Promise<void> {
  await pool.query({
    name: 'keep-push-claims',
    text: `
with ours as materialized (
  select s.enrollment_key
  from unnest($1::bigint[], $2::timestamptz[]) as c (key, claim)
  join push_state s on s.enrollment_key = c.key and s.claimed_at = c.claim
  where s.retry_at > now() + interval '5 seconds'
  order by s.enrollment_key for update of s skip locked
)
update push_state s set retry_at = now() + interval '${claimSeconds} seconds'
from ours where s.enrollment_key = ours.enrollment_key`,
    values: [claims.map((one) => one.enrollmentKey), claims.map((one) => one.claim)],
  });
}
