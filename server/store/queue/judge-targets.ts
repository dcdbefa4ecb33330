import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { textArray } from '../binary-array.ts';
import { compileTargets } from '../read/enrollment-targets.ts';

/** An id that nothing can be queued for: unknown to the viewer, or disabled. */
export interface RefusedId {
  readonly id: string;
  readonly known: boolean;
}

/** Where ids lie, and which of them are no good. */
export interface JudgedIds {
  /** The tenants that they lie in, disabled ones too; at most the first and the last of them. */
  readonly tenants: readonly TenantId[];
  /** By id. */
  readonly refused: readonly RefusedId[];
}

/** Looks ids up, all of them at once. */
export async function judgeIds(
  client: PoolClient,
  ids: readonly string[],
  tenant: TenantId | null,
): Promise<JudgedIds> {
  const result = await client.query<{
    lowest: TenantId | null;
    highest: TenantId | null;
    unknown: string[] | null;
    disabled: string[] | null;
  }>(
    `
select min(e.tenant_id) as lowest, max(e.tenant_id) as highest,
  array_agg(distinct wanted.id) filter (where e.key is null) as unknown,
  array_agg(distinct wanted.id) filter (where not e.enabled) as disabled
from unnest($1::text[]) as wanted (id)
left join enrollment e on e.id = wanted.id and ($2::int is null or e.tenant_id = $2)`,
    [textArray(ids), tenant],
  );
  const { lowest = null, highest = null, unknown, disabled } = result.rows[0] ?? {};
  return {
    tenants: [...new Set([lowest, highest])].filter((one) => one !== null),
    refused: refusedOf(unknown, disabled),
  };
}

/** Unknown and disabled ids in one list, by id. */
export function refusedOf(
  unknown: readonly string[] | null | undefined,
  disabled: readonly string[] | null | undefined,
): readonly RefusedId[] {
  return [
    ...(unknown ?? []).map((id) => ({ id, known: false })),
    ...(disabled ?? []).map((id) => ({ id, known: true })),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Of the ids asked for, those that nothing can be queued for. By id. */
export async function refusedIds(
  client: PoolClient,
  ids: readonly string[],
  tenant: TenantId | null,
): Promise<readonly RefusedId[]> {
  return (await judgeIds(client, ids, tenant)).refused;
}

/**
 * The tenants that targets lie in, at most two: a command reaches one only. Ids name theirs also while
 * they are disabled, so that a repeat finds the command that has disabled them.
 */
export async function tenantsOfTargets(
  client: PoolClient,
  targets: Targets,
): Promise<readonly TenantId[]> {
  const all = await client.query<{ id: TenantId }>({
    name: 'two-tenants',
    text: 'select id from tenant order by id limit 2',
  });
  // Mostly there is one only, and nobody has to be looked at.
  if (all.rows.length === 1) return all.rows.map(({ id }) => id);
  if ('ids' in targets) return (await judgeIds(client, targets.ids, null)).tenants;
  const { sql, values } = compileTargets(targets, null, 1);
  const result = await client.query<{ tenant_id: number }>(
    `
with lowest as materialized (
  select e.tenant_id from enrollment e where (${sql}) and e.enabled order by e.tenant_id limit 1
)
select tenant_id from lowest
union all
select another.tenant_id from lowest cross join lateral (
  select e.tenant_id from enrollment e
  where e.tenant_id > lowest.tenant_id and (${sql}) and e.enabled order by e.tenant_id limit 1
) another`,
    values,
  );
  return result.rows.map((row) => row.tenant_id);
}
