import type { Pool, PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { laneCount } from '../projection/lanes.ts';
import { compileTargets } from '../read/enrollment-targets.ts';
import { countTargets, type TargetCount } from '../read/target-count.ts';

/** How many enrolments targets mean, whether they are enabled or not. */
export async function countRebuilt(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId | null,
): Promise<TargetCount> {
  return countTargets(client, compileTargets(targets, tenant, 1));
}

/** An enrolment whose inventory is to be rebuilt. */
export interface RebuiltEnrollment {
  readonly key: bigint;
  readonly id: string;
  /** Whether it is the device's own channel. */
  readonly ofDevice: boolean;
}

/** The next page of the enrolments that targets mean, in the order of their keys. */
export async function nextRebuilt(
  pool: Pool,
  { targets, tenant }: { readonly targets: Targets; readonly tenant: TenantId | null },
  after: bigint,
  limit: number,
): Promise<RebuiltEnrollment[]> {
  const condition = compileTargets(targets, tenant, 3);
  const result = await pool.query<{
    key: string;
    id: string;
    of_device: boolean;
  }>(
    `select e.key, e.id, e.device_key is null as of_device from enrollment e
     where e.key > $1::bigint and (${condition.sql}) order by e.key limit $2`,
    [after, limit, ...condition.values],
  );
  return result.rows.map((row) => ({
    key: BigInt(row.key),
    id: row.id,
    ofDevice: row.of_device,
  }));
}

/**
 * Keeps a projection from storing anything of an enrolment until the transaction ends: it moves the lane
 * before all else.
 */
export async function holdLane(
  client: PoolClient,
  projection: string,
  enrollmentKey: bigint,
): Promise<void> {
  await client.query({
    name: 'hold-lane',
    text: `
select 1 from projection_lane
where projection = $1 and lane = ($2::bigint % ${laneCount})::int
for update`,
    values: [projection, enrollmentKey],
  });
}

/** An answer that can be derived from. */
export interface KeptAnswer {
  readonly commandKey: bigint;
  readonly requestType: string;
}

/**
 * The answers of an enrolment whose bytes are kept, from the oldest to the newest, without those that the
 * projection has yet to come to: it tells them as news.
 */
export async function keptAnswers(
  db: Pool | PoolClient,
  projection: string,
  enrollmentKey: bigint,
  requestTypes: readonly string[],
): Promise<KeptAnswer[]> {
  const result = await db.query<{ command_key: string; request_type: string }>({
    name: 'kept-answers',
    text: `
with lane as materialized (
  select position from projection_lane
  where projection = $1 and lane = ($2::bigint % ${laneCount})::int
), coming as materialized (
  select command_key from event
  where seq > (select position from lane) and type = 'CommandAnswered' and enrollment_key = $2
  union all
  select command_key from event
  where seq is null and type = 'CommandAnswered' and enrollment_key = $2
)
select r.command_key, c.request_type
from command_result r join command c on c.key = r.command_key
where r.enrollment_key = $2 and r.status = 'Acknowledged' and r.result is not null
  and r.answered_at is not null and c.request_type = any ($3)
  and not exists (select 1 from coming where coming.command_key = r.command_key)
order by r.answered_at, r.command_key`,
    values: [projection, enrollmentKey, requestTypes],
  });
  return result.rows.map((row) => ({
    commandKey: BigInt(row.command_key),
    requestType: row.request_type,
  }));
}

/** Deletes sections of an enrolment, and what lists are found by: to be written anew. */
export async function clearInventory(
  client: PoolClient,
  enrollmentKey: bigint,
  sections: readonly string[],
): Promise<void> {
  await client.query({
    name: 'clear-sections',
    text: `delete from inventory_section where enrollment_key = $1 and section = any ($2)`,
    values: [enrollmentKey, sections],
  });
  await client.query({
    name: 'clear-device-inventory',
    text: `delete from device_inventory where enrollment_key = $1`,
    values: [enrollmentKey],
  });
}

/** Forgets that answers were no inventory. */
export async function clearProblems(
  client: PoolClient,
  enrollmentKey: bigint,
  commandKeys: readonly bigint[],
): Promise<void> {
  await client.query({
    name: 'clear-inventory-problems',
    text: `delete from inventory_problem where enrollment_key = $1 and command_key = any ($2::bigint[])`,
    values: [enrollmentKey, commandKeys],
  });
}
