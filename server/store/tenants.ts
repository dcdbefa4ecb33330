import type { PoolClient } from 'pg';
import type { TenantId } from '../model/viewer.ts';
import { isUniqueViolation } from './violations.ts';

type Queryable = Pick<PoolClient, 'query'>;

/** Whether there is such a tenant. It cannot vanish: tenants are never deleted. */
export async function tenantExists(client: Queryable, id: TenantId): Promise<boolean> {
  const { rowCount } = await client.query('select 1 from tenant where id = $1', [id]);
  return rowCount === 1;
}

/**
 * Makes a tenant, in a transaction of the caller's.
 * @returns its number, or null when another one has the name
 */
export async function insertTenant(client: Queryable, name: string): Promise<TenantId | null> {
  // Tenants are few and seldom made: the next number is the highest there is and one, under a lock.
  await client.query('lock table tenant in share row exclusive mode');
  const result = await client.query<{ id: number }>(
    `insert into tenant (id, name) select max(id) + 1, $1 from tenant
     on conflict (name) do nothing returning id`,
    [name],
  );
  return result.rows[0]?.id ?? null;
}

/** @returns whether there is such a tenant, or `taken` when another one has the name */
export async function writeTenantName(
  client: Queryable,
  id: TenantId,
  name: string,
): Promise<boolean | 'taken'> {
  try {
    const { rowCount } = await client.query('update tenant set name = $2 where id = $1', [
      id,
      name,
    ]);
    return rowCount === 1;
  } catch (error) {
    if (isUniqueViolation(error, 'tenant_name_key')) return 'taken';
    throw error;
  }
}
