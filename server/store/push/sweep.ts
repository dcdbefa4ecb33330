import type { PoolClient } from 'pg';

/** A stretch of enrolments by key: after `from`, up to and with `to`. */
export interface SweepStretch {
  readonly from: string;
  readonly to: string;
}

/** Seconds that a sweep takes for a round over everybody. */
const roundSeconds = 86_400;

/**
 * Takes the next stretch of the daily round, as long as the time since the last one says, and moves on.
 * After the last enrolment it begins again.
 */
export async function takeSweepStretch(client: PoolClient, name: string): Promise<SweepStretch> {
  const result = await client.query<SweepStretch>(
    `
with place as materialized (
  select position, greatest(extract(epoch from now() - at), 0) as seconds
  from sweep where name = $1 for update
), bounds as materialized (
  select coalesce(min(key), 1) as low, coalesce(max(key), 0) as high from enrollment
), stretch as materialized (
  select case when position >= high then low - 1 else greatest(position, low - 1) end as start,
    ceil((high - low + 1) * least(seconds / ${roundSeconds}, 1))::bigint as length, high
  from place, bounds
), moved as (
  update sweep set position = least(start + length, high), at = now() from stretch where name = $1
)
select start as "from", least(start + length, high) as "to" from stretch`,
    [name],
  );
  return result.rows[0] ?? { from: '0', to: '0' };
}
