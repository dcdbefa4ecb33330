import type { PoolClient } from 'pg';
import type { TargetState } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { historyState } from '../read/target-state.ts';

/** A command that something is to be done about. */
export interface FoundCommand {
  readonly key: string;
  readonly uuid: string;
  readonly tenantId: TenantId;
  readonly requestType: string;
  readonly body: Buffer;
  readonly bodySealed: boolean;
  readonly priority: number;
}

/** Finds a command by its CommandUUID, as far as the viewer may see it. */
export async function findVisibleCommand(
  client: Pick<PoolClient, 'query'>,
  uuid: string,
  tenant: TenantId | null,
): Promise<FoundCommand | null> {
  const result = await client.query<{
    key: string;
    tenant_id: number;
    request_type: string;
    body: Buffer;
    body_sealed: boolean;
    priority: number;
  }>(
    `select key, tenant_id, request_type, body, body_sealed, priority from command
     where uuid = $1 and ($2::int is null or tenant_id = $2) order by key limit 1`,
    [uuid, tenant],
  );
  const row = result.rows[0];
  return row === undefined
    ? null
    : {
        key: row.key,
        uuid,
        tenantId: row.tenant_id,
        requestType: row.request_type,
        body: row.body,
        bodySealed: row.body_sealed,
        priority: row.priority,
      };
}

/** Gives a command as a whole another priority; its entries are changed by `reorderSelected`. */
export async function setPriority(
  client: PoolClient,
  commandKey: string,
  priority: number,
): Promise<void> {
  await client.query('update command set priority = $2 where key = $1', [commandKey, priority]);
}

/** The newest command's key; `0` when there is none. */
export async function newestCommand(client: PoolClient): Promise<string> {
  const result = await client.query<{ key: string | null }>('select max(key) as key from command');
  return result.rows[0]?.key ?? '0';
}

/** How an id stands to a command; `known` is whether the viewer has an enrolment of that id. */
export interface Standing {
  readonly id: string;
  readonly known: boolean;
  /** Null: it was never one of the command's targets. */
  readonly state: TargetState | null;
}

/** How ids stand to a command, those left out for whom it waits. By id. */
export async function notWaiting(
  client: PoolClient,
  commandKey: string,
  ids: readonly string[],
  tenant: TenantId | null,
): Promise<readonly Standing[]> {
  const result = await client.query<Standing>(
    `
select wanted.id, e.key is not null as known,
  case when r.ended is not null then ${historyState}
    when f.rule is not null then 'REFUSED' end as state
from (select distinct id from unnest($2::text[]) as ids (id)) wanted
left join enrollment e on e.id = wanted.id and ($3::int is null or e.tenant_id = $3)
left join command_result r on r.command_key = $1 and r.enrollment_key = e.key
left join command_refusal f on f.command_key = $1 and f.enrollment_key = e.key
where not exists (
  select 1 from queue_entry q where q.command_key = $1 and q.enrollment_key = e.key)
order by wanted.id`,
    [commandKey, ids, tenant],
  );
  return result.rows;
}

/** Whether any of a command's targets was cancelled. */
export async function wasCancelled(client: PoolClient, commandKey: string): Promise<boolean> {
  const result = await client.query(
    `select 1 from command_result where command_key = $1 and ended = 'CANCELLED' limit 1`,
    [commandKey],
  );
  return result.rows.length === 1;
}
