import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { withTransaction } from './transaction.ts';
import { sqlState } from './unavailable.ts';

/** One step of the database's growth, as its folder has it. */
interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hexadecimal, as Prisma records it. */
  readonly checksum: string;
}

/** The advisory lock under which migrations are applied: `gmdm` and a number of its own. */
export const migrationLock = 0x67_6d_64_6d_00_01n;

/** Prisma's own table in Prisma's own layout, so that its tools can read it. */
const recordTable = `
create table if not exists _prisma_migrations (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`;

/**
 * Brings the database up to date: applies what is missing from `<folder>/<name>/migration.sql`, in the
 * order of the names, each together with its record in a transaction of its own. Of several processes
 * that start at once one applies and the others wait and find it done. A migration never stands in line
 * for a table for long, because all who want it after that would stand behind: it gives up and comes again.
 * @param options.lockPatience  how long it stands in line, in milliseconds, and how long it then stays away;
 *                       @default 2,000
 * @param options.after  runs in the last transaction under the same lock, so once at a time over all
 *                       processes, on a database that is up to date
 * @returns names of the migrations that this call applied
 * @throws {StartupError} a migration was changed after it was applied, or failed, or the database was
 *                        migrated by a newer version of the program
 */
export async function migrate(
  pool: pg.Pool,
  folder: string,
  options: {
    readonly log: Log;
    readonly lockPatience?: number;
    readonly after?: (client: pg.PoolClient) => Promise<void>;
  },
): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const { log, lockPatience = 2000, after } = options;
  const applied: string[] = [];
  for (;;) {
    try {
      const name = await withTransaction(pool, (client) =>
        step(client, migrations, lockPatience, after),
      );
      if (name === null) return applied;
      applied.push(name);
      log.info({ migration: name }, 'database migrated');
    } catch (error) {
      if (sqlState(error) !== lockNotAvailable) throw error;
      log.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'a migration waits for a table that is in use, such as by a backup',
      );
      await delay(lockPatience);
    }
  }
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const lockNotAvailable = '55P03';

/** Applies the first missing migration and names it; null when none was missing. */
async function step(
  client: pg.PoolClient,
  migrations: readonly Migration[],
  lockPatience: number,
  after: ((client: pg.PoolClient) => Promise<void>) | undefined,
): Promise<string | null> {
  // Waiting for another process, and rewriting a large table, may take longer than the pool allows.
  await client.query('set local statement_timeout = 0');
  await client.query('select pg_advisory_xact_lock($1)', [migrationLock]);
  await client.query(recordTable);
  const next = firstMissing(migrations, await readRecords(client));
  if (!next) {
    await after?.(client);
    return null;
  }
  const startedAt = new Date();
  try {
    await client.query(`set local lock_timeout = ${lockPatience}`);
    await client.query(next.sql);
  } catch (error) {
    if (sqlState(error) === lockNotAvailable) throw error;
    throw new StartupError(
      `The migration ${next.name} failed and left the database as it was: ` +
        (error instanceof Error ? error.message : String(error)),
    );
  }
  await client.query(
    `insert into _prisma_migrations
       (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     values ($1, $2, $3, $4, clock_timestamp(), 1)`,
    [randomUUID(), next.checksum, next.name, startedAt],
  );
  return next.name;
}

interface MigrationRecord {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

async function readRecords(client: pg.PoolClient): Promise<readonly MigrationRecord[]> {
  const { rows } = await client.query<MigrationRecord>(
    `select migration_name, checksum, finished_at from _prisma_migrations
     where rolled_back_at is null order by migration_name`,
  );
  return rows;
}

function firstMissing(
  migrations: readonly Migration[],
  records: readonly MigrationRecord[],
): Migration | null {
  const ours = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const record of records) {
    const migration = ours.get(record.migration_name);
    if (!migration) {
      throw new StartupError(
        `The database is newer than this version of graphmdm: it has the migration ` +
          `${record.migration_name}. Start the newer version.`,
      );
    }
    if (record.finished_at === null) {
      throw new StartupError(
        `The migration ${record.migration_name} was begun by another tool and did not finish.`,
      );
    }
    if (record.checksum !== migration.checksum) {
      throw new StartupError(
        `The migration ${record.migration_name} is not the one that this database was made with: ` +
          'its file was changed after it was applied. Put the original file back.',
      );
    }
  }
  const done = new Set(records.map((record) => record.migration_name));
  return migrations.find(({ name }) => !done.has(name)) ?? null;
}

async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new StartupError(
      `The migrations are missing from the installation: ${error instanceof Error ? error.message : folder}`,
    );
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(folder, name, 'migration.sql'));
      const checksum = createHash('sha256').update(bytes).digest('hex');
      return { name, sql: bytes.toString('utf8'), checksum };
    }),
  );
}

/** Whether every migration that this version has is recorded as done. */
export async function isMigrated(pool: pg.Pool, folder: string): Promise<boolean> {
  const ours = (await readMigrations(folder)).map(({ name }) => name);
  const { rows } = await pool.query<{ done: number }>(
    `select count(*)::int as done from _prisma_migrations
     where finished_at is not null and rolled_back_at is null and migration_name = any($1)`,
    [ours],
  );
  return rows[0]?.done === ours.length;
}

/**
 * Demands that the database stands where this version of the program does.
 * @returns the name of its last migration
 * @throws {StartupError} it is older, newer, or none of ours
 */
export async function demandMigrated(pool: pg.Pool, folder: string): Promise<string> {
  const { rows } = await pool.query<{ made: boolean }>(
    `select to_regclass('_prisma_migrations') is not null as made`,
  );
  if (rows[0]?.made !== true) throw new StartupError('There is no database of graphmdm there.');
  const migrations = await readMigrations(folder);
  const missing = await withTransaction(pool, async (client) =>
    firstMissing(migrations, await readRecords(client)),
  );
  if (missing !== null) {
    throw new StartupError(
      `The database is older than this version of graphmdm: it lacks the migration ${missing.name}. ` +
        'Start this version on it once, or use the version that it belongs to.',
    );
  }
  return migrations.at(-1)?.name ?? '';
}
