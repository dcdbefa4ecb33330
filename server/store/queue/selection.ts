import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { compileTargets } from '../read/enrollment-targets.ts';
import { type LeftRow, leaveSql } from './leave.ts';

/** Entries of queues: all members must hold. */
export interface QueueSelection {
  /** Of this command; null: of any. */
  readonly commandKey: string | null;
  /** Of these enrolments; null: of all. */
  readonly targets: Targets | null;
  readonly tenant: TenantId | null;
  /** Of no command that was made after the one with this key. */
  readonly upTo: string;
}

/** As `from queue_entry q ... where ...`; the placeholders' values are added. */
function selectedSql(selection: QueueSelection, values: unknown[]): string {
  const { commandKey, targets, tenant, upTo } = selection;
  const conditions: string[] = [];
  if (commandKey === null) {
    values.push(upTo);
    conditions.push(`q.command_key <= $${values.length}::bigint`);
  } else {
    values.push(commandKey);
    conditions.push(`q.command_key = $${values.length}::bigint`);
  }
  const meant = compileTargets(
    targets ?? { all: true, channels: 'ALL' },
    tenant,
    values.length + 1,
  );
  values.push(...meant.values);
  conditions.push(`(${meant.sql})`);
  return `from queue_entry q join enrollment e on e.key = q.enrollment_key
  where ${conditions.join(' and ')}`;
}

/** How many entries a selection means, and whose: the first 100 ids. */
export async function countSelected(
  client: PoolClient,
  selection: QueueSelection,
): Promise<{ readonly count: number; readonly sample: readonly string[] }> {
  const values: unknown[] = [];
  const result = await client.query<{ count: number; sample: string[] }>(
    `
with selected as materialized (select e.id ${selectedSql(selection, values)})
select count(*)::int as count,
  array(select distinct id from selected order by id limit 100) as sample
from selected`,
    values,
  );
  const row = result.rows[0];
  return { count: row?.count ?? 0, sample: row?.sample ?? [] };
}

/** What was done to a page of entries. */
export interface SelectedPage {
  readonly count: number;
  /** Enrolment to go on from, with it; null when nothing was found. */
  readonly last: string | null;
}

/** Where a page begins, and how long it is. */
export interface PageBounds {
  /** Enrolment's key to begin with. */
  readonly from: string;
  readonly limit: number;
}

/** Who ends entries, when and why. */
export interface Ending {
  readonly reason: 'CANCELLED' | 'CLEARED';
  readonly at: Date;
  readonly traceId: string | null;
  readonly actor: string;
}

/** Ends a page of the selected entries. Fewer than the limit: there are no more. */
export async function endSelected(
  client: PoolClient,
  selection: QueueSelection,
  { from, limit }: PageBounds,
  ending: Ending,
): Promise<SelectedPage> {
  const values: unknown[] = [ending.reason, ending.at, ending.traceId, ending.actor, from];
  const result = await client.query<LeftRow>(
    leaveSql(
      `  select q.enrollment_key, q.command_key ${selectedSql(selection, values)}
    and q.enrollment_key >= $5::bigint
  order by q.enrollment_key, q.urgency, q.command_key limit ${limit}
  for update of q`,
      { reason: '$1::text', at: '$2::timestamptz', traceId: '$3::text', actor: '$4::text' },
    ),
    values,
  );
  return result.rows[0] ?? { count: 0, last: null };
}

/** Gives a page of one command's entries another urgency. Fewer than the limit: there are no more. */
export async function reorderSelected(
  client: PoolClient,
  selection: QueueSelection,
  { from, limit }: PageBounds,
  urgency: number,
): Promise<SelectedPage> {
  const values: unknown[] = [urgency, from];
  const result = await client.query<LeftRow>(
    `
with chosen as materialized (
  select q.enrollment_key, q.command_key ${selectedSql(selection, values)}
    and q.enrollment_key >= $2::bigint and q.urgency <> $1::smallint
  order by q.enrollment_key limit ${limit}
  for update of q
), moved as (
  update queue_entry q set urgency = $1::smallint from chosen w
  where q.enrollment_key = w.enrollment_key and q.command_key = w.command_key
  returning q.enrollment_key
)
select count(*)::int as count, max(enrollment_key) as last from moved`,
    values,
  );
  return result.rows[0] ?? { count: 0, last: null };
}
