import { createHash } from 'node:crypto';
import { StartupError } from '../../model/errors.ts';
import type { RowTexts } from './rows.ts';

/** What a table holds, to be compared. */
export interface TableTally {
  readonly count: number;
  /** Of all its rows in order, hexadecimal. */
  readonly sha256: string;
}

export type Tally = Readonly<Record<string, TableTally>>;

/** Counts and hashes rows as they pass. */
export function createTally(): {
  add(table: string, rows: readonly RowTexts[]): void;
  result(): Tally;
} {
  const tables = new Map<string, { count: number; hash: ReturnType<typeof createHash> }>();
  return {
    add(table, rows) {
      const one = tables.get(table) ?? { count: 0, hash: createHash('sha256') };
      tables.set(table, one);
      one.count += rows.length;
      for (const row of rows) one.hash.update(`${JSON.stringify(row)}\n`);
    },
    result: () =>
      Object.fromEntries(
        [...tables].map(([name, { count, hash }]) => [
          name,
          { count, sha256: hash.copy().digest('hex') },
        ]),
      ),
  };
}

/** @throws {StartupError} they are not the same */
export function demandEqual(wanted: Tally, found: Tally): void {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    const [a, b] = [wanted[name], found[name]];
    if (a?.count === b?.count && a?.sha256 === b?.sha256) continue;
    throw new StartupError(
      `The table ${name} did not arrive as it was (${b?.count ?? 0} of ${a?.count ?? 0} rows); ` +
        'nothing was kept.',
    );
  }
}
