import type { PoolClient } from 'pg';
import type { Targets } from '../model/targets.ts';
import type { TenantId } from '../model/viewer.ts';
import { compileEnrollmentFilter } from './read/enrollment-filter.ts';

/** The devices that targets mean, as a condition over `enrollment e`: a user's channel goes with its device. */
function devicesMeant(targets: Targets, firstParam: number) {
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  return compileEnrollmentFilter(filter, { tenant: null, channels: 'DEVICE' }, firstParam);
}

/** How many devices would be moved to a tenant, and the first of them. */
export async function previewMove(
  client: PoolClient,
  targets: Targets,
  to: TenantId,
): Promise<{ readonly count: number; readonly sample: readonly string[] }> {
  const { sql, values } = devicesMeant(targets, 2);
  const result = await client.query<{ count: number; sample: string[] }>(
    `with device as materialized (
       select e.id from enrollment e where (${sql}) and e.tenant_id <> $1
     )
     select count(*)::int as count, array(select id from device order by id limit 100) as sample
     from device`,
    [to, ...values],
  );
  const row = result.rows[0];
  return { count: row?.count ?? 0, sample: row?.sample ?? [] };
}

/** Which of the devices that targets mean: behind a key, and how many at most (null: all). */
export interface MoveBounds {
  readonly after: string;
  readonly limit: number | null;
}

/**
 * Locks the next devices that are to be moved, then their users' channels, each in key order, and then
 * the tenants that they leave: every command on its way to them is in their queues afterwards.
 */
export async function lockMovable(
  client: PoolClient,
  targets: Targets,
  to: TenantId,
  { after, limit }: MoveBounds,
): Promise<{
  /** Their keys, in order. */
  readonly devices: readonly string[];
  /** Keys of the devices and of their users' channels. */
  readonly channels: readonly string[];
}> {
  const { sql, values } = devicesMeant(targets, 4);
  const result = await client.query<{ key: string; tenant_id: number }>(
    `select e.key, e.tenant_id from enrollment e
     where (${sql}) and e.tenant_id <> $1 and e.key > $2::bigint
     order by e.key limit $3::int for update`,
    [to, after, limit, ...values],
  );
  const devices = result.rows.map(({ key }) => key);
  const users = await client.query<{ key: string }>(
    `select key from enrollment where device_key = any($1::bigint[]) order by key for update`,
    [devices],
  );
  await client.query('select id from tenant where id = any($1::int[]) order by id for update', [
    [...new Set(result.rows.map((row) => row.tenant_id))],
  ]);
  return { devices, channels: [...devices, ...users.rows.map(({ key }) => key)] };
}

/** Whether targets name a device, wherever it is. */
export async function someDevice(client: PoolClient, targets: Targets): Promise<boolean> {
  const { sql, values } = devicesMeant(targets, 1);
  const result = await client.query(`select 1 from enrollment e where ${sql} limit 1`, values);
  return result.rows.length > 0;
}

/** What carries the tenant of the enrolment that it belongs to, and no command's. */
const carriers = [
  'enrollment_tag',
  'inventory_section',
  'device_inventory',
  'inventory_change',
  'inventory_problem',
] as const;

/**
 * Gives devices and channels that are locked to a tenant, with all that carries it and what was issued
 * to them. Each device's event is told twice: in the tenant that it leaves, and in the one that it comes
 * to.
 */
export async function moveDevices(
  client: PoolClient,
  devices: readonly string[],
  channels: readonly string[],
  to: TenantId,
  by: { readonly actor: string; readonly at: Date; readonly traceId: string },
): Promise<void> {
  await client.query(
    `insert into event (type, tenant_id, at, trace_id, actor, enrollment_key, data)
     select 'EnrollmentMoved', side.tenant_id, $3, $4, $5, e.key,
       jsonb_build_object('arrived', side.arrived)
     from enrollment e
     cross join lateral (values (e.tenant_id, false), ($2::int, true)) as side (tenant_id, arrived)
     where e.key = any($1::bigint[]) order by e.key, side.arrived`,
    [devices, to, by.at, by.traceId, by.actor],
  );
  await client.query('update enrollment set tenant_id = $2 where key = any($1::bigint[])', [
    channels,
    to,
  ]);
  for (const table of carriers) {
    await client.query(
      `update ${table} set tenant_id = $2
       where enrollment_key = any($1::bigint[]) and tenant_id <> $2`,
      [channels, to],
    );
  }
  await client.query(
    `update issued_certificate i set tenant_id = $2 from device_certificate c
     where c.device_key = any($1::bigint[]) and i.sha256 = c.sha256`,
    [devices, to],
  );
  // Challenges of renewals under way.
  await client.query(
    'update enrollment_invitation set tenant_id = $2 where enrollment_key = any($1::bigint[])',
    [devices, to],
  );
}
