import type { Pool } from 'pg';
import type { Queryable, Stretch } from '../../server/store/read/keyset.ts';

/** What a part of a statement did, as `explain` tells it. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Subplan Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

/** A part of a plan and all below it. */
export function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Runs a statement and tells how: the root of its plan, which counts the pages of all. */
export async function explain(
  pool: Pick<Pool, 'query'>,
  text: string,
  values: readonly unknown[],
): Promise<PlanNode> {
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (analyze, buffers, timing off, format json) ${text}`,
    [...values],
  );
  const root = rows[0]?.['QUERY PLAN'][0].Plan;
  if (root === undefined) throw new Error('no plan');
  return root;
}

/** Pages of the database that a reader's statements touch, and by which plan. */
export async function costOf(
  pool: Pick<Pool, 'query'>,
  read: (db: Queryable) => Promise<unknown>,
): Promise<{ readonly buffers: number; readonly said: string }> {
  const explained: PlanNode[] = [];
  const query = async (text: string, values: unknown[]) => {
    explained.push(await explain(pool, text, values));
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
