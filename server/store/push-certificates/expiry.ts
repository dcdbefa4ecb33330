import type { Pool } from 'pg';

/**
 * Appends an event for each certificate that has come closer to its end than was told before, in one
 * statement that also remembers it: so each is told once, whoever asks and however late. One that
 * passed several marks at once is told of the last of them.
 * @param marks  days before the end; 0 is the end itself
 * @returns how many events were appended
 */
export async function appendExpiryEvents(
  pool: Pool,
  at: Date,
  marks: readonly number[],
): Promise<number> {
  const result = await pool.query(
    `
with due as materialized (
  select c.topic, min(mark.days) as days
  from push_certificate c
  join unnest($2::int[]) as mark (days) on c.not_after <= $1::timestamptz + mark.days * interval '24 hours'
  group by c.topic
), told as (
  update push_certificate c set warned_days = due.days from due
  where c.topic = due.topic and (c.warned_days is null or c.warned_days > due.days)
    and c.not_after <= $1::timestamptz + due.days * interval '24 hours'
  returning c.topic, c.tenant_id, c.not_after, c.warned_days
)
insert into event (type, tenant_id, at, actor, data)
select case when warned_days = 0 then 'PushCertificateExpired' else 'PushCertificateExpiring' end,
  tenant_id, $1, 'system',
  jsonb_build_object('topic', topic, 'days', warned_days,
    'expiresAt', to_char(not_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
from told order by topic`,
    [at, marks],
  );
  return result.rowCount ?? 0;
}

/** When the first of all push certificates ends, or null when there is none. */
export async function firstEnd(pool: Pool): Promise<Date | null> {
  const { rows } = await pool.query<{ first: Date | null }>(
    'select min(not_after) as first from push_certificate',
  );
  return rows[0]?.first ?? null;
}
