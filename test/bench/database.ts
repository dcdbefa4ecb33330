import { existsSync } from 'node:fs';
import { Client, type QueryResultRow } from 'pg';
import { withDatabase } from '../harness/lanes.ts';
import { parentOf } from './processor-time.ts';

/** What databases of the bench are called; nothing else is ever made or dropped. */
const prefix = 'graphmdm_bench_';

/** A database that belongs to one contender in one run. */
export interface BenchDatabase {
  readonly url: string;
  /** Process id of the server that it lies on, when that is on this machine. */
  readonly postmaster: number | null;
  query<Row extends QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
  /** How far the server's log has come, in bytes. */
  logPosition(): Promise<number>;
  /** Statements and pages so far, or null where pg_stat_statements is not loaded. */
  counts(): Promise<StatementCounts | null>;
  drop(): Promise<void>;
}

/** What pg_stat_statements has of one database. */
export interface StatementCounts {
  readonly statements: number;
  readonly pages: number;
}

/** The server that benchmarks use. */
export function benchServer(): string {
  return process.env['BENCH_DATABASE_URL'] || 'postgresql://postgres@localhost:5432/postgres';
}

/** Makes an empty database, in place of one that an earlier run left behind. */
export async function makeBenchDatabase(name: string): Promise<BenchDatabase> {
  const database = `${prefix}${name.toLowerCase().replaceAll(/\W/g, '_')}`;
  const url = withDatabase(benchServer(), database);
  const drop = () => onServer(`drop database if exists ${database} with (force)`);
  await drop();
  await onServer(`create database ${database} template template0`);
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const query = async <Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(sql, [...values])).rows;
  const [backend] = await query<{ pid: number }>('select pg_backend_pid() as pid');
  const isHere = existsSync(`/proc/${backend?.pid}`) && /localhost|127\.0\.0\.1/.test(url);
  const counting = await hasStatements(client);
  return {
    url,
    postmaster: isHere ? parentOf(backend?.pid ?? 0) : null,
    query,
    async logPosition() {
      const [row] = await query<{ bytes: string }>(
        `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
      );
      return Number(row?.bytes);
    },
    async counts() {
      if (!counting) return null;
      const [row] = await query<{ statements: string; pages: string }>(
        `select sum(calls) as statements, sum(shared_blks_hit + shared_blks_read) as pages
         from pg_stat_statements
         where dbid = (select oid from pg_database where datname = current_database())
           and query !~ 'pg_stat_statements|pg_current_wal'`,
      );
      return { statements: Number(row?.statements ?? 0), pages: Number(row?.pages ?? 0) };
    },
    async drop() {
      await client.end();
      await drop();
    },
  };
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

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: benchServer() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
