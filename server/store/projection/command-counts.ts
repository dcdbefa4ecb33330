import type { PoolClient } from 'pg';

/** The columns of `command_count` that are counted. */
export const countedColumns = [
  'not_now',
  'acknowledged',
  'error',
  'cancelled',
  'cleared',
  'expired',
  'unenrolled',
  're_enrolled',
  'moved',
] as const;

export type CountedColumn = (typeof countedColumns)[number];

/** By how much the counts of one command change. */
export interface CountChange {
  readonly commandKey: bigint;
  readonly tenantId: number;
  readonly by: ReadonlyMap<CountedColumn, number>;
}

const list = countedColumns.join(', ');
const text = `
insert into command_count (command_key, tenant_id, ${list})
select * from unnest($1::bigint[], $2::int[],
  ${countedColumns.map((_, at) => `$${at + 3}::int[]`).join(', ')})
  as change (command_key, tenant_id, ${list})
order by command_key
on conflict (command_key) do update set
  ${countedColumns.map((name) => `${name} = command_count.${name} + excluded.${name}`).join(',\n  ')}`;

/** Changes the counts of many commands, in key order, each row once. */
export async function changeCounts(
  client: PoolClient,
  changes: readonly CountChange[],
): Promise<void> {
  await client.query({
    name: 'change-command-counts',
    text,
    values: [
      changes.map(({ commandKey }) => commandKey),
      changes.map(({ tenantId }) => tenantId),
      ...countedColumns.map((name) => changes.map(({ by }) => by.get(name) ?? 0)),
    ],
  });
}
