import type { Pool } from 'pg';

/** Writes when enrolments were last heard, in key order, never moving a time backwards. */
export async function writeLastSeen(pool: Pool, seen: ReadonlyMap<string, Date>): Promise<void> {
  const keys = [...seen.keys()];
  await pool.query({
    name: 'write-last-seen',
    text: `
insert into enrollment_seen (enrollment_key, last_seen_at)
select key, at from unnest($1::bigint[], $2::timestamptz[]) as heard (key, at) order by key
on conflict (enrollment_key) do update set last_seen_at = excluded.last_seen_at
  where enrollment_seen.last_seen_at < excluded.last_seen_at`,
    values: [keys, keys.map((key) => seen.get(key))],
  });
}
