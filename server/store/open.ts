import { setTimeout as delay } from 'node:timers/promises';
import { type ClientBase, Pool, type PoolConfig } from 'pg';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { openEmbedded } from './embedded/open.ts';
import { isUnavailable, sqlState } from './unavailable.ts';
import { watchAnswers } from './watch-answers.ts';

/** The database, by two pools: eight slow graph reads must not stop the devices. */
export interface Database {
  /** Device routes only. A statement may take 2 s. */
  readonly hot: Pool;
  /** Graph, jobs, tail, migrations. A statement may take 15 s. */
  readonly graph: Pool;
  /** What to make further connections with; holds the password. Not for logs. */
  readonly connection: PoolConfig;
  readonly kind: 'embedded' | 'server';
  /** Closes the pools once what runs has ended, then the embedded server. */
  close(): Promise<void>;
}

/** The oldest PostgreSQL that the SQL is tested on, as `server_version_num` has it. */
const oldestServer = 150_000;

/** How long a start waits for a server that is not there yet, in milliseconds: composed services. */
const longestWait = 30_000;

interface Watchers {
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Opens the server that `databaseUrl` names, or the embedded one in `dataDir`.
 * @throws {StartupError} it cannot be reached, started or used
 */
export async function openDatabase(
  options: { readonly databaseUrl: string | null; readonly dataDir: string } & Watchers,
): Promise<Database> {
  const { databaseUrl, dataDir, log } = options;
  if (databaseUrl !== null) {
    const database = connect({ connectionString: databaseUrl }, 'server', options);
    await reach(database, log);
    return database;
  }
  const embedded = await openEmbedded({ dataDir, log });
  const database = connect(embedded.connection, 'embedded', options);
  return {
    ...database,
    async close() {
      await database.close();
      await embedded.stop();
    },
  };
}

/** Makes the two pools on a database that is there. Connects when first used. */
export function connect(
  connection: PoolConfig,
  kind: Database['kind'],
  { log, metrics }: Watchers,
): Database {
  const common: PoolConfig = {
    ...connection,
    application_name: 'graphmdm',
    max: 8,
    keepAlive: true,
    // Connections of a failed-over or re-balanced server are replaced within the hour.
    maxLifetimeSeconds: 3_600,
  };
  const hot = new Pool({
    ...common,
    // Kept open: a new connection would have to prepare every statement again.
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 2_000,
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool awaits it; its types are older
    onConnect: (client) => prepareHot(watched(client, 4_000)),
  });
  const graph = new Pool({
    ...common,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 10_000,
    // oxlint-disable-next-line typescript/no-misused-promises -- as above
    onConnect: (client) => prepareGraph(watched(client, 20_000)),
  });
  for (const [name, pool] of Object.entries({ hot, graph })) {
    // An idle connection that drops (server restart, proxy) is replaced at the next use.
    pool.on('error', (error) => log.warn({ err: error, pool: name }, 'database connection lost'));
    // One that drops in somebody's hands tells him by his statement. It also emits an error, which the
    // pool listens to while it is idle only: with no listener it would end the process.
    pool.on('connect', (client) => client.on('error', () => {}));
    const count = (what: string) => `graphmdm_database_${name}_connections_${what}`;
    metrics.gauge(count('open'), `Open connections of the ${name} pool`, () => pool.totalCount);
    metrics.gauge(count('idle'), `Idle connections of the ${name} pool`, () => pool.idleCount);
    metrics.gauge(
      `graphmdm_database_${name}_waiting`,
      `Callers that wait for a connection of the ${name} pool`,
      () => pool.waitingCount,
    );
  }
  return {
    hot,
    graph,
    connection,
    kind,
    async close() {
      await Promise.all([hot.end(), graph.end()]);
    },
  };
}

/** @param patience longer than what `prepareHot` or `prepareGraph` lets a statement take */
function watched(client: ClientBase, patience: number): ClientBase {
  watchAnswers(client, patience);
  return client;
}

/**
 * Runs `work` on a connection of its own whose statements may take as long as they like: migrations wait
 * for other processes and rewrite tables.
 */
export async function unhurried<T>(
  database: Database,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = new Pool({ ...database.connection, application_name: 'graphmdm', max: 1 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/**
 * For statements that are prepared once and kept as long as the connection: PostgreSQL chooses a plan
 * while a table is still nearly empty, and would keep a sequential scan of it while the table grows to
 * millions of rows. Nothing but speed depends on these.
 */
async function prepareHot(client: ClientBase): Promise<void> {
  await client.query(
    'set statement_timeout = 2000; set enable_seqscan = off; set enable_bitmapscan = off; ' +
      'set enable_hashjoin = off; set enable_mergejoin = off; ' +
      'set plan_cache_mode = force_generic_plan',
  );
}

/** Compiling a statement takes longer than running one that reads a page. */
async function prepareGraph(client: ClientBase): Promise<void> {
  await client.query('set statement_timeout = 15000; set jit = off');
}

/** Waits until the server answers, and refuses one that is too old. */
async function reach(database: Database, log: Log): Promise<void> {
  const until = Date.now() + longestWait;
  for (let told = false; ; await delay(250)) {
    try {
      const { rows } = await database.graph.query<{ version: number }>(
        "select current_setting('server_version_num')::int as version",
      );
      const version = rows[0]?.version ?? 0;
      if (version < oldestServer) {
        throw new StartupError(
          `The server that DATABASE_URL names is PostgreSQL ${Math.floor(version / 10_000)}; ` +
            `graphmdm needs ${oldestServer / 10_000} or newer.`,
        );
      }
      return;
    } catch (error) {
      if (isUnavailable(error) && !isWrongName(error) && Date.now() < until) {
        if (!told) log.warn({ err: error }, 'waiting for the database that DATABASE_URL names');
        told = true;
        continue;
      }
      await database.close();
      if (error instanceof StartupError) throw error;
      throw new StartupError(
        `The database that DATABASE_URL names cannot be used: ${sayWhy(error)}.`,
      );
    }
  }
}

/** A name that does not resolve, or a socket that is not there, will hardly come by waiting. */
function isWrongName(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ENOTFOUND' || code === 'ENOENT';
}

function sayWhy(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(sayWhy).join(', ');
  const message = error instanceof Error ? error.message : String(error);
  const state = sqlState(error);
  return state === null ? message : `${message} (${state})`;
}
