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

interface Movable {
  readonly key: string;
  readonly id: string;
}

/**
 * Locks the devices that are to be moved, then their users' channels, each in key order, and then the
 * tenants that they leave: every command on its way to them is in their queues afterwards.
 * @returns `found`: how many devices the targets name, those that are there already among them
 */
export async function lockMovable(
  client: PoolClient,
  targets: Targets,
  to: TenantId,
): Promise<{
  readonly found: number;
  readonly devices: readonly Movable[];
  /** Keys of the devices and of their users' channels. */
  readonly channels: readonly string[];
}> {
  const { sql, values } = devicesMeant(targets, 1);
  const result = await client.query<Movable & { readonly tenant_id: number }>(
    `select e.key, e.id, e.tenant_id from enrollment e where ${sql} order by e.key for update`,
    values,
  );
  const devices = result.rows.filter((row) => row.tenant_id !== to);
  const keys = devices.map(({ key }) => key);
  const users = await client.query<{ key: string }>(
    `select key from enrollment where device_key = any($1::bigint[]) order by key for update`,
    [keys],
  );
  await client.query('select id from tenant where id = any($1::int[]) order by id for update', [
    [...new Set(devices.map((row) => row.tenant_id))],
  ]);
  return {
    found: result.rows.length,
    devices: devices.map(({ key, id }) => ({ key, id })),
    channels: [...keys, ...users.rows.map(({ key }) => key)],
  };
}

/**
 * Gives devices and channels that are locked to a tenant, with what was issued to them. Each device's
 * event is told twice: in the tenant that it leaves, and in the one that it comes to.
 */
export async function moveDevices(
  client: PoolClient,
  devices: readonly Movable[],
  channels: readonly string[],
  to: TenantId,
  by: { readonly actor: string; readonly at: Date; readonly traceId: string },
): Promise<void> {
  const keys = devices.map(({ key }) => key);
  await client.query(
    `insert into event (type, tenant_id, at, trace_id, actor, enrollment_key, data)
     select 'EnrollmentMoved', side.tenant_id, $3, $4, $5, e.key,
       jsonb_build_object('arrived', side.arrived)
     from enrollment e
     cross join lateral (values (e.tenant_id, false), ($2::int, true)) as side (tenant_id, arrived)
     where e.key = any($1::bigint[]) order by e.key, side.arrived`,
    [keys, to, by.at, by.traceId, by.actor],
  );
  await client.query('update enrollment set tenant_id = $2 where key = any($1::bigint[])', [
    channels,
    to,
  ]);
  await client.query(
    'update enrollment_tag set tenant_id = $2 where enrollment_key = any($1::bigint[])',
    [channels, to],
  );
  await client.query(
    `update issued_certificate i set tenant_id = $2 from device_certificate c
     where c.device_key = any($1::bigint[]) and i.sha256 = c.sha256`,
    [keys, to],
  );
  // Challenges of renewals under way.
  await client.query(
    'update enrollment_invitation set tenant_id = $2 where enrollment_key = any($1::bigint[])',
    [keys, to],
  );
}
