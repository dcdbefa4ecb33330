import type { Entry } from './entries.ts';
import type { Figures } from './measure.ts';
import type { Series } from './series.ts';

/** Figures of each part of a scenario; one that has a single part calls it ''. */
export type Parts = Readonly<Record<string, Figures>>;

/**
 * Runs entries in turn (A B A B …), so that what changes on the machine meets all of them.
 * @returns the series of each part
 */
export async function inTurn(
  entries: readonly Entry[],
  rounds: number,
  once: (entry: Entry) => Promise<Parts>,
): Promise<ReadonlyMap<string, readonly Series[]>> {
  const rows: { readonly at: number; readonly part: string; readonly figures: Figures }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, entry] of entries.entries()) {
      for (const [part, figures] of Object.entries(await once(entry))) {
        rows.push({ at, part, figures });
        const { problems, requests, serverMs, databaseMs } = figures;
        const note = problems.length > 0 ? `  INVALID: ${problems.join('; ')}` : '';
        process.stderr.write(
          `${entry.name}${part && `, ${part}`}, round ${round + 1}: ${requests} requests, ` +
            `${serverMs.toFixed(3)} + ${databaseMs.toFixed(3)} ms each${note}\n`,
        );
      }
    }
  }
  const parts = new Set(rows.map(({ part }) => part));
  return new Map(
    [...parts].map((part) => [
      part,
      entries.map(({ name }, at) => ({
        name,
        rounds: rows
          .filter((row) => row.at === at && row.part === part)
          .map(({ figures }) => figures),
      })),
    ]),
  );
}
