import type { Flags } from './command.ts';

/** Flag of every list. */
export const limitFlag = {
  limit: { type: 'number', value: 'N', least: 1, what: 'at most this many; 30 unless said' },
} as const satisfies Flags;

/** The size of a page that is enough for a list of so many. */
export function pageSize(limit: number): number {
  return Math.min(limit, 100);
}

/** The first of a list; the rest is not even asked for. */
export async function* upTo<Row>(limit: number, rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  let count = 0;
  for await (const row of rows) {
    yield row;
    count += 1;
    if (count >= limit) return;
  }
}
