import { Redis } from 'ioredis';
import { Client } from 'pg';

/** A PostgreSQL that tests run on. */
export interface Lane {
  readonly name: 'embedded' | 'server';
  /** Its maintenance database, by which test databases are made and dropped. */
  readonly adminUrl: string;
  /** The migrated database that every test database is a copy of. */
  readonly template: string;
  /** Why there is no template; null when all is well. Shown to the tests that want a database. */
  readonly problem: string | null;
}

declare module 'vitest' {
  export interface ProvidedContext {
    lanes: readonly Lane[];
    redisUrl: string | null;
    run: string;
  }
}

/** What a database of a test is called; nothing else is ever made or dropped. */
export const testPrefix = 'graphmdm_test_';

/** The same server's URL for another database. */
export function withDatabase(url: string, database: string): string {
  return url.replace(/^(\w+:\/\/[^/]*\/)[^?]*/, `$1${database}`);
}

/**
 * Finds another PostgreSQL for the lane `server`: the one of TEST_DATABASE_URL, else one that answers on
 * this machine's usual port. DATABASE_URL is somebody's real database and is never looked at.
 */
export async function findServer(): Promise<string | null> {
  const named = process.env['TEST_DATABASE_URL'];
  const candidates = named
    ? [named]
    : [
        'postgresql://postgres@localhost:5432/postgres',
        'postgresql://postgres:postgres@localhost:5432/postgres',
      ];
  for (const url of candidates) if (await mayMakeDatabases(url)) return url;
  return null;
}

async function mayMakeDatabases(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ able: boolean }>(
      `select (rolcreatedb or rolsuper) and current_setting('server_version_num')::int >= 150000 as able
       from pg_roles where rolname = current_user`,
    );
    return rows[0]?.able ?? false;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Finds a Redis: TEST_REDIS_URL, else one on this machine's usual port. Never REDIS_URL. */
export async function findRedis(): Promise<string | null> {
  const url = process.env['TEST_REDIS_URL'] || 'redis://localhost:6379';
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG' ? url : null;
  } catch {
    return null;
  } finally {
    redis.disconnect();
  }
}
