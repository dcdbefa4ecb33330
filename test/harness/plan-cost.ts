import type { Pool } from 'pg';
import type { Queryable, Stretch } from '../../server/store/read/keyset.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Pages of the database that a reader's statements touch, and by which plan. */
export async function costOf(
  pool: Pick<Pool, 'query'>,
  read: (db: Queryable) => Promise<unknown>,
): Promise<{ readonly buffers: number; readonly said: string }> {
  const explained: PlanNode[] = [];
  const query = async (text: string, values: unknown[]) => {
    const plan = await pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, buffers, timing off, format json) ${text}`,
      values,
    );
    explained.push(...plan.rows.map((row) => row['QUERY PLAN'][0].Plan));
    return pool.query(text, values);
  };
  await read({ query: query as unknown as Queryable['query'] });
  return {
    buffers: explained.reduce(
      (sum, node) => sum + node['Shared Hit Blocks'] + node['Shared Read Blocks'],
      0,
    ),
    said: explained
      .flatMap(nodesOf)
      .filter((node) => node['Actual Loops'] > 0)
      .map((node) => [node['Node Type'], node['Index Name']].join(' '))
      .join(', '),
  };
}

/** The first page, the last, and those in the middle in both directions. */
export function stretches<Position>(middle: Position): readonly Stretch<Position>[] {
  const rest = { limit: 20, after: null, before: null };
  return [
    { ...rest, fromEnd: false },
    { ...rest, fromEnd: true },
    { ...rest, after: middle, fromEnd: false },
    { ...rest, before: middle, fromEnd: true },
  ];
}
