import type { Pool, PoolClient } from 'pg';

/** How many lanes each projection has: as many processes can share its work. */
export const laneCount = 16;

/** A lane that this process holds. */
export interface HeldLane {
  readonly projection: string;
  readonly lane: number;
  /** Number up to which everything of the lane is derived and stored. */
  readonly position: bigint;
}

/** A lane on its way. */
export interface LaneMove {
  readonly lane: number;
  /** The position that is stored. */
  readonly from: bigint;
  readonly to: bigint;
}

/** A lane is not where its holder left it: another process holds it now, or it was set back. */
export class LaneLost extends Error {
  override readonly name = 'LaneLost';
}

/**
 * Makes the lanes of projections that are new, in front of the oldest event that is kept, and forgets
 * projections that no program reads any more: retention would wait for them for ever.
 */
export async function ensureLanes(pool: Pool, projections: readonly string[]): Promise<void> {
  await pool.query(
    `
with forgotten as (
  delete from projection_lane where projection <> all ($1) and projection not in (
    select l.projection from projection_lane l
    join lease on lease.name = 'projector ' || l.holder and lease.until > now())
)
insert into projection_lane (projection, lane, position)
select name, lane, event_stream.oldest_seq - 1
from event_stream, unnest($1::text[]) as name, generate_series(0, ${laneCount - 1}) as lane
on conflict do nothing`,
    [projections],
  );
}

// One statement keeps the process's own lease, takes lanes that nobody alive holds, up to its fair
// share, and gives back what is beyond it. An idle process writes one row each time, its lease.
//
// Two processes that want a lane at the same moment: the second waits for the first one's row, sees
// by `is not distinct from` that its holder has changed meanwhile, and leaves it.
const shareText = `
with kept as (
  insert into lease (name, holder, until)
  values ('projector ' || $1, $1, now() + make_interval(secs => $2))
  on conflict (name) do update set until = excluded.until
), gone as (
  delete from lease
  where name like 'projector %' and holder <> $1 and until < now() - interval '1 hour'
), others as materialized (
  select holder from lease where name like 'projector %' and holder <> $1 and until > now()
), share as materialized (
  select ceil(${laneCount}::numeric / (1 + count(*))) as size from others
), free as materialized (
  select projection, lane, position, holder, holder is not distinct from $1 as ours,
    row_number() over (partition by projection order by holder is distinct from $1, lane) as rank
  from projection_lane
  where projection = any ($3) and (holder is null or holder not in (select holder from others))
), taken as (
  update projection_lane l set holder = $1 from free, share
  where l.projection = free.projection and l.lane = free.lane
    and not free.ours and free.rank <= share.size and l.holder is not distinct from free.holder
  returning l.projection, l.lane, l.position
), given as (
  update projection_lane l set holder = null from free, share
  where l.projection = free.projection and l.lane = free.lane
    and free.ours and free.rank > share.size and l.holder = $1
)
select projection, lane, position from taken
union all
select projection, lane, position from free, share where ours and rank <= share.size`;

/**
 * Keeps a process's lease and its share of the lanes.
 * @param seconds how long the lease lasts unless it is kept
 * @returns all lanes that are the process's now
 */
export async function shareLanes(
  pool: Pool,
  holder: string,
  seconds: number,
  projections: readonly string[],
): Promise<HeldLane[]> {
  const result = await pool.query<{ projection: string; lane: number; position: string }>({
    name: 'share-lanes',
    text: shareText,
    values: [holder, seconds, projections],
  });
  return result.rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** Gives everything back, so that others can go on at once. */
export async function leaveLanes(pool: Pool, holder: string): Promise<void> {
  await pool.query(
    `with left_lanes as (update projection_lane set holder = null where holder = $1)
     delete from lease where name = 'projector ' || $1`,
    [holder],
  );
}

// The condition on holder and position is what makes every page count exactly once: whoever is not the
// holder any more, or has read from elsewhere, moves nothing.
const moveText = `
update projection_lane l set position = move.upto
from unnest($3::int[], $4::bigint[], $5::bigint[]) as move (lane, was, upto)
where l.projection = $2 and l.lane = move.lane and l.holder = $1 and l.position = move.was
returning l.lane`;

/**
 * Moves lanes on in the transaction that stores what was derived up to there. Call it first: it also
 * keeps others off these lanes until the transaction ends.
 * @throws {LaneLost} one of them is not the holder's, or not at `from`: nothing may be written
 */
export async function moveLanes(
  client: PoolClient,
  holder: string,
  projection: string,
  moves: readonly LaneMove[],
): Promise<void> {
  const moved = await move(client, holder, projection, moves);
  if (moved.length !== moves.length) throw new LaneLost(`lanes of ${projection} were lost`);
}

/**
 * Stores how far lanes have come in which nothing was to be derived.
 * @returns the lanes that were moved; others are not the holder's any more
 */
export function passOver(
  pool: Pool,
  holder: string,
  projection: string,
  moves: readonly LaneMove[],
): Promise<readonly number[]> {
  return move(pool, holder, projection, moves);
}

async function move(
  db: Pool | PoolClient,
  holder: string,
  projection: string,
  moves: readonly LaneMove[],
): Promise<number[]> {
  const result = await db.query<{ lane: number }>({
    name: 'move-lanes',
    text: moveText,
    values: [
      holder,
      projection,
      moves.map(({ lane }) => lane),
      moves.map(({ from }) => from),
      moves.map(({ to }) => to),
    ],
  });
  return result.rows.map(({ lane }) => lane);
}

/** Sets all lanes of a projection back to the oldest event that is kept; their holders notice it. */
export async function resetLanes(db: Pool | PoolClient, projection: string): Promise<void> {
  await db.query(
    `update projection_lane l set position = s.oldest_seq - 1
     from event_stream s where l.projection = $1`,
    [projection],
  );
}
