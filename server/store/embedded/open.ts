import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Log } from '../../model/log.ts';
import { sqlState } from '../unavailable.ts';
import { connectionTo } from './address.ts';
import { type Attached, attach } from './attach.ts';
import { findPlace } from './place.ts';
import { stopServer } from './stop.ts';

/** The embedded PostgreSQL in use. */
export interface Embedded {
  /** What to connect with. */
  readonly connection: pg.PoolConfig;
  /** The folder with the database, which is not always in the data folder. */
  readonly folder: string;
  /** Leaves the server and, when nobody else uses it, stops it. Close all pools before. */
  stop(): Promise<void>;
}

/** The database that everything is in. */
const databaseName = 'graphmdm';

/** Pause before a server that ended under us is started again, in milliseconds; doubled each time. */
const firstPause = 100;
const longestPause = 5_000;

/**
 * Runs a real PostgreSQL on the data folder, or joins the one that runs there. Should it end while we use
 * it (killed for want of memory, say), it is started again.
 * @throws {StartupError} it cannot be; the message says what to do
 */
export async function openEmbedded(options: {
  readonly dataDir: string;
  readonly log: Log;
}): Promise<Embedded> {
  const { log } = options;
  const place = findPlace(options.dataDir);
  if (place.insteadOf !== null) {
    log.warn(
      { wanted: place.insteadOf, folder: place.folder },
      `PostgreSQL cannot run as root, and ${place.user?.name} cannot enter the data folder: ` +
        'the embedded database is elsewhere',
    );
  }
  const stopping = new AbortController();
  const attached = await attach(place, log, stopping.signal);
  log.info(
    { folder: place.database, joined: attached.child === null, user: place.user?.name },
    attached.child ? 'embedded database started' : 'joined the embedded database that was running',
  );
  await ensureDatabase(attached.keeper);
  const guard = keepRunning(attached);

  return {
    connection: await connectionTo(place, attached.address, databaseName),
    folder: place.folder,
    async stop() {
      stopping.abort();
      const current = await guard.release();
      if (current) await stopServer(place, current, log);
    },
  };

  function keepRunning(first: Attached): { release(): Promise<Attached | null> } {
    let current: Promise<Attached | null> = Promise.resolve(first);
    const watch = (server: Attached): void => {
      server.keeper.once('end', () => {
        if (stopping.signal.aborted) return;
        log.error({}, 'the embedded database has ended or dropped us; starting it again');
        server.child?.letGo();
        current = reattach();
      });
    };
    const reattach = async (): Promise<Attached | null> => {
      for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
        try {
          const server = await attach(place, log, stopping.signal);
          watch(server);
          log.info({ joined: server.child === null }, 'the embedded database is back');
          return server;
        } catch (error) {
          if (stopping.signal.aborted) return null;
          log.error({ err: error }, 'the embedded database does not start; trying again');
          await delay(pause);
        }
      }
    };
    watch(first);
    return { release: () => current };
  }
}

async function ensureDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [
    databaseName,
  ]);
  if (rowCount) return;
  try {
    await client.query(`create database ${databaseName}`);
  } catch (error) {
    // Another first start made it in the meantime: duplicate_database, or its unique index.
    if (!['42P04', '23505'].includes(sqlState(error) ?? '')) throw error;
  }
}
