import type { Pool } from 'pg';

/**
 * Appends an event for each enrolment that has polled, except where its last one is less than so many
 * milliseconds ago. One statement, in key order; of two processes that heard the same enrolment, one
 * tells.
 * @returns how many events were appended
 */
export async function writeIdleEvents(
  pool: Pool,
  polled: ReadonlyMap<string, Date>,
  everyMs: number,
): Promise<number> {
  const keys = [...polled.keys()];
  const result = await pool.query({
    name: 'write-idle-events',
    text: `
with due as (
  insert into enrollment_idle as i (enrollment_key, told_at)
  select key, at from unnest($1::bigint[], $2::timestamptz[]) as polled (key, at) order by key
  on conflict (enrollment_key) do update set told_at = excluded.told_at
    where i.told_at <= excluded.told_at - $3 * interval '1 millisecond'
  returning enrollment_key, told_at
)
insert into event (type, tenant_id, at, enrollment_key)
select 'EnrollmentIdle', e.tenant_id, due.told_at, e.key
from due join enrollment e on e.key = due.enrollment_key
order by e.key`,
    values: [keys, keys.map((key) => polled.get(key)), everyMs],
  });
  return result.rowCount ?? 0;
}
