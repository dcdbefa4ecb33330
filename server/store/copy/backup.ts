import { rm } from 'node:fs/promises';
import { type Pool, type PoolClient, escapeIdentifier } from 'pg';
import { StartupError } from '../../model/errors.ts';
import { readBackup, writeBackup } from './backup-file.ts';
import type { Copied } from './copy.ts';
import {
  beginNewStream,
  filling,
  reading,
  readPositions,
  sealingKeys,
  writePositions,
} from './ends.ts';
import { readRows, writeRows } from './rows.ts';
import { readTables, type Table } from './tables.ts';
import { createTally, demandEqual } from './tally.ts';

/**
 * Writes everything that the database holds at this moment into a new file; servers go on meanwhile.
 * @param migration the database's last
 * @throws {StartupError} the file is there already, or cannot be written
 */
export async function backUp(
  source: Pool,
  path: string,
  migration: string,
  at: Date,
): Promise<Copied> {
  return reading(source, false, async (client) => {
    const tables = await readTables(client);
    const tally = createTally();
    const keyIds = await sealingKeys(client);
    try {
      await writeBackup(path, async (file) => {
        await file.header({
          migration,
          madeAt: at.toISOString(),
          keyIds: [...keyIds],
          counts: await countRows(client, tables),
        });
        for (const table of tables) {
          for await (const rows of readRows(client, table)) {
            tally.add(table.name, rows);
            await file.page(table.name, rows);
          }
        }
        const positions = await readPositions(client, tables);
        await file.end({ tally: tally.result(), positions });
      });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (code === 'EEXIST') {
        throw new StartupError(`${path} is there already; a backup never replaces a file.`);
      }
      await rm(path, { force: true });
      if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOSPC') {
        throw new StartupError(`${path} cannot be written: ${code}.`);
      }
      throw error;
    }
    return { tally: tally.result(), keyIds };
  });
}

/**
 * Fills an empty database from a backup. Its events are another stream's from now on: what has happened
 * since the backup was made is not among them, and their numbers are given out again.
 * @param migration the target's last, which must be the backup's
 * @throws {StartupError} the file, or the target; nothing of it is kept
 */
export async function restore(target: Pool, path: string, migration: string): Promise<Copied> {
  return filling(target, readTables, async (client, tables) => {
    const byName = new Map(tables.map((table) => [table.name, table]));
    const written = createTally();
    let keyIds: readonly string[] = [];
    for await (const line of readBackup(path)) {
      switch (line.kind) {
        case 'header':
          demandSameMigration(path, line.header.migration, migration);
          keyIds = line.header.keyIds;
          break;
        case 'page': {
          const table = byName.get(line.table);
          const width = table?.columns.length;
          if (table === undefined || line.rows.some((row) => row.length !== width)) {
            throw new StartupError(`${path} does not fit this version of graphmdm.`);
          }
          written.add(table.name, line.rows);
          await writeRows(client, table, line.rows);
          break;
        }
        case 'end': {
          demandEqual(line.end.tally, written.result());
          const arrived = createTally();
          for (const table of tables) {
            for await (const rows of readRows(client, table)) arrived.add(table.name, rows);
          }
          demandEqual(line.end.tally, arrived.result());
          await writePositions(client, tables, line.end.positions);
          break;
        }
      }
    }
    await beginNewStream(client);
    return { tally: written.result(), keyIds };
  });
}

async function countRows(
  client: PoolClient,
  tables: readonly Table[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::float8 as count from ${escapeIdentifier(name)}`,
    );
    counts[name] = rows[0]?.count ?? 0;
  }
  return counts;
}

function demandSameMigration(path: string, theirs: string, ours: string): void {
  if (theirs === ours) return;
  throw new StartupError(
    `${path} was made by a version of graphmdm whose last migration is ${theirs}, and this one's is ` +
      `${ours}. Restore it with that version, then start this one.`,
  );
}
