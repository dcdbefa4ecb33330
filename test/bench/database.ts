import { existsSync } from 'node:fs';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { withDatabase } from '../harness/lanes.ts';
import { isRunning } from '../harness/process-tree.ts';
import { parentOf } from './processor-time.ts';

/** What databases of the bench are called; nothing else is ever made or dropped. */
const prefix = 'graphmdm_bench_';

/** What a benchmark reads of a database. */
export interface WatchedDatabase {
  /** Process id of the server that it lies on, when that is on this machine. */
  readonly postmaster: number | null;
  query<Row extends QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
  /** How far the server's log has come, in bytes. */
  logPosition(): Promise<number>;
  /**
   * Statements and pages so far, or null where pg_stat_statements is not loaded.
   * @param deviceStatements what the statements have in them that answer devices; null: all may do so
   */
  counts(deviceStatements: string | null): Promise<StatementCounts | null>;
  /** Connections to it, those of the bench itself left out. */
  connections(): Promise<number>;
  /** Deadlocks since it was made. Sessions tell when they end: ask when the server has stopped, if it can be. */
  deadlocks(): Promise<number>;
  close(): Promise<void>;
}

/** A database that belongs to one contender in one run. */
export interface BenchDatabase extends WatchedDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** What pg_stat_statements has of one database. */
export interface StatementCounts {
  readonly statements: number;
  readonly pages: number;
  /** Of the statements that answer devices. */
  readonly devicePages: number;
}

/** The server that benchmarks use. */
export function benchServer(): string {
  return process.env['BENCH_DATABASE_URL'] || 'postgresql://postgres@localhost:5432/postgres';
}

/**
 * Makes a database of this process alone.
 * @param template the database that it is a copy of; none: it is empty
 */
export async function makeBenchDatabase(name: string, template?: string): Promise<BenchDatabase> {
  await dropLeftovers();
  const plain = name.toLowerCase().replaceAll(/\W+/g, '_');
  // Longer names are cut by PostgreSQL.
  const database = `${prefix}${process.pid}_${plain}`.slice(0, 63);
  await makeDatabase(database, template);
  return openBenchDatabase(database);
}

/** Opens a database of the bench that is there. */
export async function openBenchDatabase(database: string): Promise<BenchDatabase> {
  const url = withDatabase(benchServer(), database);
  const watched = await watchDatabase({ connectionString: url });
  return {
    ...watched,
    url,
    async drop() {
      await watched.close();
      await dropDatabase(database);
    },
  };
}

/** Reads of any database, also of one that the bench has not made. */
export async function watchDatabase(config: ClientConfig): Promise<WatchedDatabase> {
  const client = new Client({ ...config, application_name: prefix });
  client.on('error', () => {});
  await client.connect();
  const query = async <Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(sql, [...values])).rows;
  const number = async (sql: string): Promise<number> => {
    const [row] = await query<{ value: string }>(`select (${sql}) as value`);
    return Number(row?.value);
  };
  const [backend] = await query<{ pid: number }>('select pg_backend_pid() as pid');
  const isHere =
    existsSync(`/proc/${backend?.pid}`) && /^(\/|localhost$|127\.0\.0\.1$)/.test(client.host);
  const counting = await hasStatements(client);
  return {
    postmaster: isHere ? parentOf(backend?.pid ?? 0) : null,
    query,
    logPosition: () => number(`pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')`),
    async counts(deviceStatements) {
      if (!counting) return null;
      const [row] = await query<{ statements: string; pages: string; device_pages: string }>(
        `select sum(calls) as statements, sum(shared_blks_hit + shared_blks_read) as pages,
           sum(shared_blks_hit + shared_blks_read) filter (where strpos(query, $1) > 0) as device_pages
         from pg_stat_statements
         where dbid = (select oid from pg_database where datname = current_database())
           and query !~ 'pg_stat_|pg_current_wal'`,
        // Every text has an empty one in it.
        [deviceStatements ?? ''],
      );
      return {
        statements: Number(row?.statements ?? 0),
        pages: Number(row?.pages ?? 0),
        devicePages: Number(row?.device_pages ?? 0),
      };
    },
    connections: () =>
      number(
        `select count(*) from pg_stat_activity where datname = current_database()
           and backend_type = 'client backend' and application_name <> '${prefix}'`,
      ),
    deadlocks: () =>
      number('select deadlocks from pg_stat_database where datname = current_database()'),
    close: () => client.end(),
  };
}

/** Makes a database, empty or as a copy of another, which nobody may be connected to. */
export async function makeDatabase(database: string, template = 'template0'): Promise<void> {
  // Copied as files: a large one through the server's log would take minutes.
  const strategy = template === 'template0' ? '' : 'strategy file_copy';
  await onServer(`create database ${database} template ${template} ${strategy}`);
}

export async function renameDatabase(database: string, name: string): Promise<void> {
  await onServer(`alter database ${database} rename to ${name}`);
}

/** Drops a database of the bench if it is there. */
export async function dropDatabase(database: string): Promise<void> {
  await onServer(`drop database if exists ${database} with (force)`);
}

/** The databases of the bench whose names begin so. */
export async function benchDatabases(begin: string): Promise<readonly string[]> {
  const rows = await onServer<{ datname: string }>(
    `select datname from pg_database where starts_with(datname, '${begin}')`,
  );
  return rows.map(({ datname }) => datname);
}

/** Drops what runs left behind that were killed. */
async function dropLeftovers(): Promise<void> {
  for (const database of await benchDatabases(prefix)) {
    const pid = new RegExp(`^${prefix}(\\d+)_`).exec(database)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await dropDatabase(database);
  }
}

async function hasStatements(client: Client): Promise<boolean> {
  try {
    await client.query('create extension if not exists pg_stat_statements');
    await client.query('select 1 from pg_stat_statements limit 1');
    return true;
  } catch {
    return false;
  }
}

async function onServer<Row extends QueryResultRow>(sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: benchServer() });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
