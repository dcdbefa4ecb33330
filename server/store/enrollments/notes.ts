import type { PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** Whose notes were written. */
export interface NotedEnrollment {
  readonly key: string;
  readonly tenantId: TenantId;
  readonly changed: boolean;
}

/**
 * Writes an enrolment's notes; null takes them away.
 * @returns null when this tenant (null: any) has no such enrolment
 */
export async function writeNotes(
  client: PoolClient,
  id: string,
  tenant: TenantId | null,
  notes: string | null,
): Promise<NotedEnrollment | null> {
  const { rows } = await client.query<{ key: string; tenant_id: number; changed: boolean }>(
    `
with known as materialized (
  select key, tenant_id, notes is distinct from $3 as changed from enrollment
  where id = $1 and ($2::int is null or tenant_id = $2) for no key update
), written as (
  update enrollment e set notes = $3 from known where e.key = known.key and known.changed
)
select key, tenant_id, changed from known`,
    [id, tenant, notes],
  );
  const row = rows[0];
  return row === undefined ? null : { key: row.key, tenantId: row.tenant_id, changed: row.changed };
}
