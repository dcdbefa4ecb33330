import type { Pool } from 'pg';

const hourText = `
with heard as materialized (
  select key, floor(extract(epoch from at) / 3600)::int as hour
  from unnest($1::bigint[], $2::timestamptz[]) as heard (key, at)
), due as materialized (
  select h.enrollment_key, heard.hour
  from heard join enrollment_seen_hour h on h.enrollment_key = heard.key and h.hour < heard.hour
  order by h.enrollment_key
  for no key update of h
)
update enrollment_seen_hour h set hour = due.hour
from due where h.enrollment_key = due.enrollment_key and h.hour < due.hour`;

/**
 * Writes when enrolments were last heard, in key order, never moving a time backwards: the times, and apart
 * from them the hours that lists use, of which few change at a time.
 */
export async function writeLastSeen(pool: Pool, seen: ReadonlyMap<string, Date>): Promise<void> {
  const keys = [...seen.keys()];
  const times = keys.map((key) => seen.get(key));
  await pool.query({
    name: 'write-last-seen',
    text: `
insert into enrollment_seen (enrollment_key, last_seen_at)
select key, at from unnest($1::bigint[], $2::timestamptz[]) as heard (key, at) order by key
on conflict (enrollment_key) do update set last_seen_at = excluded.last_seen_at
  where enrollment_seen.last_seen_at < excluded.last_seen_at`,
    values: [keys, times],
  });
  await pool.query({ name: 'write-last-seen-hour', text: hourText, values: [keys, times] });
}
