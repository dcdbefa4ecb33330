import type { Pool } from 'pg';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { type Database, unhurried } from './open.ts';
import { searchedTextOf } from './read/enrollment-search.ts';
import { searchesInside, searchIndex } from './read/search-index.ts';
import { sqlState } from './unavailable.ts';

/** Seconds from one look for the extension to the next. */
export const searchIndexEvery = 45;

/**
 * Makes the index that finds what stands inside texts, once an operator has put the extension pg_trgm into
 * the database. For one process at a time, under a lease: whoever has it may lose it meanwhile.
 * @param signal  breaks off; the next one begins anew
 */
export async function makeSearchIndex(
  database: Database,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  if ((await extensionSchema(database.graph)) === null) return;
  if (await searchesInside(database.graph)) return;
  await unhurried(database, async (pool) => {
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    const breakOff = () =>
      void database.graph.query('select pg_cancel_backend($1)', [rows[0]?.pid]).catch(() => {});
    signal.addEventListener('abort', breakOff);
    try {
      if (signal.aborted) return;
      if (await buildSearchIndex(pool)) {
        log.info({ index: searchIndex }, 'search finds what stands inside texts from now on');
      }
    } catch (error) {
      // 57014 query_canceled
      if (!signal.aborted || sqlState(error) !== '57014') throw error;
    } finally {
      signal.removeEventListener('abort', breakOff);
    }
  });
}

/**
 * Puts the extension into the database, and makes the index.
 * @returns whether the index was made; not when it is there, or another makes it
 * @throws {StartupError} the server does not have the extension, or this user may not put it there
 */
export async function addSearchIndex(pool: Pool): Promise<boolean> {
  try {
    await pool.query('create extension if not exists pg_trgm');
  } catch (error) {
    // 0A000 feature_not_supported, 58P01 undefined_file: not installed; 42501 insufficient_privilege
    const state = sqlState(error);
    if (state !== '0A000' && state !== '58P01' && state !== '42501') throw error;
    throw new StartupError(
      'The extension pg_trgm cannot be put there: ' +
        `${error instanceof Error ? error.message : state}. It comes with PostgreSQL's contrib package.`,
    );
  }
  return !(await searchesInside(pool)) && buildSearchIndex(pool);
}

/**
 * Builds the index beside everything else that goes on, whatever is left of an earlier attempt.
 * @param pool  statements of its connections may take as long as they like
 * @returns whether it did: not when another is about it
 */
async function buildSearchIndex(pool: Pool): Promise<boolean> {
  const schema = await extensionSchema(pool);
  if (schema === null) return false;
  // Also who only stands in line, whose lease may be over by now: it would drop what is built meanwhile.
  const { rows } = await pool.query(
    `select from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
       and query ~ $1`,
    [`index concurrently (if exists )?${searchIndex}`],
  );
  if (rows.length > 0 || (await searchesInside(pool))) return false;
  await pool.query(`drop index concurrently if exists ${searchIndex}`);
  // Without a list of pending entries, which every search would have to read as well, and some device's
  // check-in to sort in.
  await pool.query(
    `create index concurrently ${searchIndex} on enrollment
     using gin (${searchedTextOf('enrollment')} ${schema}.gin_trgm_ops) with (fastupdate = off)
     where device_key is null`,
  );
  // The planner knows nothing of an expression before.
  await pool.query('analyze enrollment');
  return true;
}

/** Where the extension pg_trgm is, as SQL; null: the database does not have it. */
async function extensionSchema(pool: Pool): Promise<string | null> {
  const { rows } = await pool.query<{ name: string }>(
    `select quote_ident(n.nspname) as name
     from pg_extension x join pg_namespace n on n.oid = x.extnamespace where x.extname = 'pg_trgm'`,
  );
  return rows[0]?.name ?? null;
}
