import type { PoolClient } from 'pg';

/** The tenants of push topics. */
export async function tenantsOfTopics(
  client: PoolClient,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (topics.length === 0) return new Map();
  const { rows } = await client.query<{ topic: string; tenant_id: number }>({
    name: 'tenants-of-topics',
    text: 'select topic, tenant_id from push_certificate where topic = any($1)',
    values: [topics],
  });
  return new Map(rows.map((row) => [row.topic, row.tenant_id]));
}

/** The id of the tenant with this name. */
export async function tenantNamed(client: PoolClient, name: string): Promise<number | null> {
  const { rows } = await client.query<{ id: number }>('select id from tenant where name = $1', [
    name,
  ]);
  return rows[0]?.id ?? null;
}
