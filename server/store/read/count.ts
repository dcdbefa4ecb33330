import type { Queryable } from './keyset.ts';

/** How many there are; beyond `countLimit` it is a guess. */
export interface Count {
  readonly count: number;
  readonly isEstimate: boolean;
}

/** Up to here lists are counted exactly: counting costs time for every row. */
export const countLimit = 10_000;

/** How many rows a query has, as far as they are counted: one more than the limit says that there are more. */
export function countedSql(query: string): string {
  return `(select count(*)::int from (${query} limit ${countLimit + 1}) counted)`;
}

/**
 * What was counted by `countedSql`.
 * @param guess  how many there are, if they are more than that
 */
export async function countOf(counted: number, guess: () => Promise<number>): Promise<Count> {
  if (counted <= countLimit) return { count: counted, isEstimate: false };
  return { count: Math.max(await guess(), counted), isEstimate: true };
}

/** How many rows the planner thinks a query has. */
export async function guessOf(
  db: Queryable,
  query: string,
  values: readonly unknown[],
): Promise<number> {
  const plan = await db.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) ${query}`,
    [...values],
  );
  return plan.rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}

/**
 * The counts of many parents, by their keys.
 * @param guess  how many those have of which there are more than are counted
 */
export async function countsOf(
  rows: readonly { readonly key: string; readonly count: number }[],
  guess: (keys: readonly bigint[]) => Promise<ReadonlyMap<bigint, number>>,
): Promise<ReadonlyMap<bigint, Count>> {
  const beyond = rows.filter(({ count }) => count > countLimit).map(({ key }) => BigInt(key));
  const guesses = beyond.length === 0 ? new Map<bigint, number>() : await guess(beyond);
  const counts = new Map<bigint, Count>();
  for (const { key, count } of rows) {
    const guessed = guesses.get(BigInt(key)) ?? 0;
    counts.set(BigInt(key), await countOf(count, async () => guessed));
  }
  return counts;
}

/**
 * How many rows the planner thinks each of many parents has. One statement for each, and meant for few.
 * @param query  of one parent
 */
export async function guessEach(
  db: Queryable,
  keys: readonly bigint[],
  query: (key: bigint) => { readonly text: string; readonly values: readonly unknown[] },
): Promise<ReadonlyMap<bigint, number>> {
  const guesses = new Map<bigint, number>();
  for (const key of keys) {
    const { text, values } = query(key);
    guesses.set(key, await guessOf(db, text, values));
  }
  return guesses;
}
