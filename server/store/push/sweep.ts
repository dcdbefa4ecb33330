import type { PoolClient } from 'pg';

/** A stretch of enrolments by key: after `from`, up to and with `to`. */
export interface SweepStretch {
  readonly from: string;
  readonly to: string;
}

/** Seconds that a sweep takes for a round over everybody. */
const roundSeconds = 86_400;

/**
 * Time that is made up for at most, in seconds: after a night's standstill the fleet must not come all
 * at once.
 */
const mostSeconds = 600;

/**
 * Takes the next stretch of the daily round, as long as the time since the last one says, and moves on.
 * After the last enrolment it begins again.
 * @returns null as long as that time is too short for one more enrolment
 */
export async function takeSweepStretch(
  client: PoolClient,
  name: string,
): Promise<SweepStretch | null> {
  const result = await client.query<SweepStretch>(
    `
with place as materialized (
  select position, greatest(extract(epoch from now() - at), 0) as seconds
  from sweep where name = $1 for update
), bounds as materialized (
  select coalesce(min(key), 1) as low, coalesce(max(key), 0) as high from enrollment
), stretch as materialized (
  select case when position >= high then low - 1 else greatest(position, low - 1) end as start, high,
    least(
      floor((high - low + 1) * seconds / ${roundSeconds}),
      ceil((high - low + 1) * ${mostSeconds}.0 / ${roundSeconds})
    )::bigint as length
  from place, bounds
), moved as (
  update sweep set position = least(start + length, high), at = now() from stretch
  where name = $1 and length > 0
)
select start as "from", least(start + length, high) as "to" from stretch where length > 0`,
    [name],
  );
  return result.rows[0] ?? null;
}
