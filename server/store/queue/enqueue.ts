import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { textArray } from '../binary-array.ts';
import { shortTextSql } from '../events/short-text.ts';
import { compileTargets } from '../read/enrollment-targets.ts';
import type { SqlCondition } from '../read/enrollment-filter.ts';
import type { TargetCount } from '../read/target-count.ts';
import { type RefusedId, refusedOf } from './judge-targets.ts';

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
  /** Key of the command that it repeats. */
  readonly retryOf: string | null;
  /** What is noted of it, besides how many targets it has; null: nobody asked for it. */
  readonly audit: {
    /** The tenant of who asks; null: of all. */
    readonly tenantId: TenantId | null;
    readonly action: string;
    readonly details: Readonly<Record<string, unknown>>;
  } | null;
}

/** Targets left out because such a command waits for them already. */
export interface PendingCount {
  readonly count: number;
  /** The first ids in order, at most 100. */
  readonly sample: readonly string[];
}

/**
 * What targets name, as the end of a query over `enrollment e`: `named` is the id. Of a filter the enabled
 * enrolments; of ids every one, with nulls for the unknown. Ids are joined, which costs nothing while the
 * statement is planned, however many they are; so none may come twice.
 */
function namedBy(
  targets: Targets,
  tenant: TenantId,
  firstParam: number,
): { readonly id: string; readonly from: string; readonly values: readonly unknown[] } {
  if (!('ids' in targets)) {
    const { sql, values } = compileTargets(targets, tenant, firstParam);
    return { id: 'e.id', from: `from enrollment e where (${sql}) and e.enabled`, values };
  }
  return {
    id: 'wanted.id',
    from: `from unnest($${firstParam}::text[]) as wanted (id)
  left join enrollment e on e.id = wanted.id and e.tenant_id = $${firstParam + 1}`,
    values: [textArray(targets.ids), tenant],
  };
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

/** How a command is queued. */
export interface EnqueueRules {
  /** Targets at most; beyond it nothing is written. */
  readonly maximum: number | null;
  /**
   * The RequestType of which only one may wait for each target, and the keys of those that the caller has
   * locked: it is queued for no others, though they have come to be meant since.
   */
  readonly once: { readonly requestType: string; readonly locked: readonly string[] } | null;
  /** Whether somebody asks which targets come first: that costs a twentieth of all. */
  readonly sampled: boolean;
}

/** Whether a command of a type waits for `enrollment e`. */
function waitsFor(requestType: string): string {
  return `exists (select 1 from queue_entry q join command p on p.key = q.command_key
    where q.enrollment_key = e.key and p.request_type = ${requestType})`;
}

/**
 * Locks the enabled targets, in key order: of several callers who want to send the same of them a
 * command that may wait only once, one after the other looks at their queues. Its next statement sees
 * what those before have queued.
 * @returns their keys
 */
export async function lockTargets(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId,
): Promise<readonly string[]> {
  const { sql, values } = enabledTargets(targets, tenant, 1);
  const result = await client.query<{ keys: string[] }>(
    `select coalesce(array_agg(key order by key), '{}') as keys from (
       select e.key from enrollment e where ${sql} order by e.key for no key update
     ) locked`,
    values,
  );
  return result.rows[0]?.keys ?? [];
}

/**
 * Stores a command and queues it for all its targets: one set-based statement, in key order, with one
 * event for the command as a whole and its entry in the audit. Targets that it names and that it is not
 * queued for are kept apart.
 * @param targets no id twice
 * @returns the command's key, null when the CommandUUID is taken or the targets are too many
 */
export async function enqueue(
  client: PoolClient,
  command: NewCommand,
  targets: Targets,
  { maximum, once, sampled }: EnqueueRules,
): Promise<
  TargetCount & {
    readonly commandKey: string | null;
    /** Of ids, those that nothing was queued for. By id. */
    readonly refused: readonly RefusedId[];
    readonly pending: PendingCount;
  }
> {
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
    command.retryOf,
  ];
  const named = namedBy(targets, command.tenantId, values.length + 1);
  values.push(...named.values);
  // What most commands have no need of is not in their statement. There may be 100,000 that are named: read
  // once only they are never stored, and numbers in an array cost a tenth of rows.
  const isById = 'ids' in targets;
  const columns = ['e.key', named.id];
  const conditions: string[] = [];
  const refused: string[] = [];
  if (isById) {
    conditions.push('enabled');
    refused.push(`select unnest(total.barred), 'NOT_ENABLED' from total`);
    if (once === null) columns.push('e.enabled');
  }
  if (once !== null) {
    conditions.push('enabled', 'not waits');
    refused.push(`select key, 'ALREADY_PENDING' from named where enabled and waits`);
    const locked = `$${values.push(once.locked)}::bigint[]`;
    columns.push(
      `case when e.enabled then e.key in (select unnest(${locked})) else e.enabled end as enabled`,
      `${waitsFor('$3')} as waits`,
    );
  }
  const { audit } = command;
  const place = audit === null ? 0 : values.push(audit.tenantId, audit.action, audit.details);
  const audited =
    audit === null
      ? ''
      : `, audited as (
  insert into audit_entry (tenant_id, actor, action, trace_id, details)
  select $${place - 2}::int, $8, $${place - 1}::text, $10,
    $${place}::jsonb || jsonb_build_object('targetCount', total.count)
  from stored, total
)`;
  const isTarget = [...new Set(conditions)].join(' and ');
  const ofTargets = isTarget && `filter (where ${isTarget})`;
  const refusal =
    refused.length === 0
      ? `select null::bigint, null::text where false`
      : refused.join(' union all ');
  // Whoever moves devices out of the tenant waits until this command is in their queues, or this one
  // finds them gone: else it would wait where it can be neither answered nor ended. And 100,000 targets
  // fit into memory then, instead of being written out and read again.
  await client.query({
    name: 'before-enqueue',
    text: `select set_config('work_mem', '32MB', true) from tenant where id = $1 for key share`,
    values: [command.tenantId],
  });
  const result = await client.query<{
    key: string | null;
    count: number;
    sample: string[];
    unknown: string[] | null;
    disabled: string[] | null;
    pending: number;
    pending_sample: string[];
  }>(
    `
with named as (
  select ${columns.join(', ')} ${named.from}
), total as materialized (
  select count(*) ${ofTargets}::int as count, array_agg(key order by key) ${ofTargets} as keys
    ${isById ? judgements : ''}
  from named
), refusal (key, rule) as materialized (
  ${refusal}
), stored as (
  insert into command (uuid, tenant_id, request_type, body, body_sealed, body_fingerprint,
    targets_sha256, created_by, created_at, renewal, priority, not_before, expires_at, retry_of,
    target_count, refused_count)
  select $1, $2, $3, $4, $5, $6, $7, $8, $9, $12, $13, $14, $15, $16::bigint, total.count,
    (select count(*) from refusal)
  from total
  where $11::int is null or total.count <= $11
  on conflict (uuid, tenant_id) do nothing
  returning key
), queued as (
  insert into queue_entry
    (enrollment_key, urgency, command_key, not_before, expires_at, queued_at)
  select unnest(total.keys), -$13::int, stored.key, $14::timestamptz, $15::timestamptz, $9
  from total, stored
), refused as (
  insert into command_refusal (command_key, enrollment_key, tenant_id, rule, at)
  select stored.key, refusal.key, $2, refusal.rule, $9 from refusal, stored order by refusal.key
), event as (
  insert into event (type, tenant_id, at, trace_id, actor, command_key, data)
  select 'CommandEnqueued', $2, $9, $10, $8, stored.key,
    jsonb_build_object('requestType', ${shortTextSql('$3::text')}, 'targetCount', total.count)
  from stored, total
)${audited}
select (select key from stored), total.count,
  ${sampled ? `array(select id from named where ${isTarget || 'true'} order by id limit 100)` : none} as sample,
  ${isById ? 'total.unknown, total.disabled' : 'null as unknown, null as disabled'},
  ${pendingColumns(once === null ? null : 'enabled and waits')}
from total`,
    values,
  );
  const row = result.rows[0];
  return {
    commandKey: row?.key ?? null,
    count: row?.count ?? 0,
    sample: row?.sample ?? [],
    refused: refusedOf(row?.unknown, row?.disabled),
    pending: { count: row?.pending ?? 0, sample: row?.pending_sample ?? [] },
  };
}

const none = `'{}'::text[]`;

/** Which ids are no good, and the keys of those that are disabled. */
const judgements = `, array_agg(id) filter (where key is null) as unknown,
    array_agg(id) filter (where not enabled) as disabled,
    array_agg(key) filter (where not enabled) as barred`;

/** @param condition which of `named` have such a command waiting; null: nobody asks */
function pendingColumns(condition: string | null): string {
  return condition === null
    ? `0 as pending, ${none} as pending_sample`
    : `(select count(*)::int from named where ${condition}) as pending,
  array(select id from named where ${condition} order by id limit 100) as pending_sample`;
}

/**
 * Counts the enrolments that a command would be queued for.
 * @param once the RequestType of which only one may wait for each target
 */
export async function previewTargets(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId | null,
  once: string | null = null,
): Promise<TargetCount & { readonly pending: PendingCount }> {
  const condition = enabledTargets(targets, tenant, 1);
  const values = [...condition.values, ...(once === null ? [] : [once])];
  const pending = once === null ? 'false' : waitsFor(`$${values.length}::text`);
  const result = await client.query<{
    count: number;
    sample: string[];
    pending: number;
    pending_sample: string[];
  }>(
    `
with named as materialized (
  select e.id, ${pending} as pending from enrollment e where ${condition.sql}
), target as materialized (
  select id from named where not pending
)
select count(*)::int as count, array(select id from target order by id limit 100) as sample,
  ${pendingColumns(once === null ? null : 'pending')}
from target`,
    values,
  );
  const row = result.rows[0];
  return {
    count: row?.count ?? 0,
    sample: row?.sample ?? [],
    pending: { count: row?.pending ?? 0, sample: row?.pending_sample ?? [] },
  };
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
  }>({
    name: 'find-command-by-uuid',
    text: `select request_type, body_fingerprint, targets_sha256, target_count
     from command where uuid = $1 and tenant_id = $2`,
    values: [uuid, tenant],
  });
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
