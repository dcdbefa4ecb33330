import type { Pool } from 'pg';
import { filling, reading, readPositions, sealingKeys, writePositions } from './ends.ts';
import { readRows, writeRows } from './rows.ts';
import { readTables } from './tables.ts';
import { createTally, demandEqual, type Tally } from './tally.ts';

/** What was copied. */
export interface Copied {
  readonly tally: Tally;
  /** Ids of the keys that the next server needs. */
  readonly keyIds: readonly string[];
}

/**
 * Copies a whole database into an empty one of the same migrations: every row, number and position, and
 * the event stream's identity, so that cursors go on. Row by row it is read back and compared before
 * it counts.
 * @throws {StartupError} one is in use, the target is not empty, or something did not arrive
 */
export async function copyDatabase(source: Pool, target: Pool): Promise<Copied> {
  return reading(source, true, (from) =>
    filling(target, readTables, async (to, tables) => {
      const sent = createTally();
      const arrived = createTally();
      for (const table of tables) {
        for await (const rows of readRows(from, table)) {
          sent.add(table.name, rows);
          await writeRows(to, table, rows);
        }
        for await (const rows of readRows(to, table)) arrived.add(table.name, rows);
      }
      demandEqual(sent.result(), arrived.result());
      await writePositions(to, tables, await readPositions(from, tables));
      return { tally: sent.result(), keyIds: await sealingKeys(from) };
    }),
  );
}
