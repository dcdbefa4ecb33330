import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { compileTargets } from '../read/enrollment-targets.ts';
import type { SqlCondition } from '../read/enrollment-filter.ts';

/** A command to be stored, its body sealed when it has to be. */
export interface NewCommand {
  readonly uuid: string;
  readonly tenantId: TenantId;
  readonly requestType: string;
  readonly body: Buffer;
  readonly bodySealed: boolean;
  /** Whether it is an InstallProfile that renews the MDM profile. */
  readonly renewal: boolean;
  readonly bodyFingerprint: Buffer;
  readonly targetsSha256: Buffer;
  readonly createdBy: string;
  readonly traceId: string | null;
  readonly at: Date;
  /** Higher goes first. */
  readonly priority: number;
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
}

/** What one statement did, or would do. */
export interface TargetCount {
  readonly count: number;
  /** The first ids in order, at most 100. */
  readonly sample: readonly string[];
}

/** The targets that are enabled, as a condition over `enrollment e`. */
function enabledTargets(
  targets: Targets,
  tenant: TenantId | null,
  firstParam: number,
): SqlCondition {
  const condition = compileTargets(targets, tenant, firstParam);
  return { sql: `(${condition.sql}) and e.enabled`, values: condition.values };
}

/**
 * Stores a command and queues it for all its targets: one set-based statement, in key order, with one
 * event for the command as a whole.
 * @param maximum targets at most; beyond it nothing is written
 * @returns the command's key, null when the CommandUUID is taken or the targets are too many
 */
export async function enqueue(
  client: PoolClient,
  command: NewCommand,
  targets: Targets,
  maximum: number | null,
): Promise<TargetCount & { readonly commandKey: string | null }> {
  const values: unknown[] = [
    command.uuid,
    command.tenantId,
    command.requestType,
    command.body,
    command.bodySealed,
    command.bodyFingerprint,
    command.targetsSha256,
    command.createdBy,
    command.at,
    command.traceId,
    maximum,
    command.renewal,
    command.priority,
    command.notBefore,
    command.expiresAt,
  ];
  const condition = enabledTargets(targets, command.tenantId, values.length + 1);
  const result = await client.query<{ key: string | null; count: number; sample: string[] }>(
    `
with target as materialized (
  select e.key, e.id from enrollment e where ${condition.sql}
), total as materialized (
  select count(*)::int as count from target
), stored as (
  insert into command (uuid, tenant_id, request_type, body, body_sealed, body_fingerprint,
    targets_sha256, created_by, created_at, renewal, priority, not_before, expires_at, target_count)
  select $1, $2, $3, $4, $5, $6, $7, $8, $9, $12, $13, $14, $15, total.count
  from total
  where $11::int is null or total.count <= $11
  on conflict (uuid, tenant_id) do nothing
  returning key
), queued as (
  insert into queue_entry
    (enrollment_key, urgency, command_key, not_before, expires_at, queued_at)
  select target.key, -$13::int, stored.key, $14::timestamptz, $15::timestamptz, $9
  from target, stored order by target.key
), event as (
  insert into event (type, tenant_id, at, trace_id, actor, command_key, data)
  select 'CommandEnqueued', $2, $9, $10, $8, stored.key,
    jsonb_build_object('requestType', $3::text, 'targetCount', total.count)
  from stored, total
)
select (select key from stored), total.count,
  array(select id from target order by id limit 100) as sample
from total`,
    [...values, ...condition.values],
  );
  const row = result.rows[0];
  return { commandKey: row?.key ?? null, count: row?.count ?? 0, sample: row?.sample ?? [] };
}

/** Counts the enrolments that a command would be queued for. */
export async function previewTargets(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId | null,
): Promise<TargetCount> {
  const condition = enabledTargets(targets, tenant, 1);
  const result = await client.query<{ count: number; sample: string[] }>(
    `
with target as materialized (select e.id from enrollment e where ${condition.sql})
select count(*)::int as count, array(select id from target order by id limit 100) as sample
from target`,
    condition.values,
  );
  const row = result.rows[0];
  return { count: row?.count ?? 0, sample: row?.sample ?? [] };
}

/**
 * The tenants that targets lie in, at most two: a command reaches one only. Ids name theirs also while
 * they are disabled, so that a repeat finds the command that has disabled them.
 */
export async function tenantsOfTargets(
  client: PoolClient,
  targets: Targets,
): Promise<readonly TenantId[]> {
  const condition =
    'ids' in targets ? compileTargets(targets, null, 1) : enabledTargets(targets, null, 1);
  const result = await client.query<{ tenant_id: number }>(
    `select distinct e.tenant_id from enrollment e where ${condition.sql} limit 2`,
    condition.values,
  );
  return result.rows.map((row) => row.tenant_id);
}

/** Of the ids asked for, those that nothing can be queued for: unknown to the viewer, or disabled. */
export async function refusedIds(
  client: PoolClient,
  ids: readonly string[],
  tenant: TenantId | null,
): Promise<readonly { readonly id: string; readonly known: boolean }[]> {
  const result = await client.query<{ id: string; known: boolean }>(
    `
select wanted.id, e.key is not null as known
from (select distinct id from unnest($1::text[]) as ids (id)) wanted
left join enrollment e on e.id = wanted.id and ($2::int is null or e.tenant_id = $2)
where e.key is null or not e.enabled
order by wanted.id`,
    [ids, tenant],
  );
  return result.rows;
}

/** A command that a CommandUUID already names. */
export interface KnownCommand {
  readonly requestType: string;
  readonly bodyFingerprint: Buffer;
  readonly targetsSha256: Buffer;
  readonly targetCount: number;
}

/** Finds the command of a CommandUUID within a tenant. */
export async function findCommand(
  client: PoolClient,
  uuid: string,
  tenant: TenantId,
): Promise<KnownCommand | null> {
  const result = await client.query<{
    request_type: string;
    body_fingerprint: Buffer;
    targets_sha256: Buffer;
    target_count: number;
  }>(
    `select request_type, body_fingerprint, targets_sha256, target_count
     from command where uuid = $1 and tenant_id = $2`,
    [uuid, tenant],
  );
  const row = result.rows[0];
  return row === undefined
    ? null
    : {
        requestType: row.request_type,
        bodyFingerprint: row.body_fingerprint,
        targetsSha256: row.targets_sha256,
        targetCount: row.target_count,
      };
}
