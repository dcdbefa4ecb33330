import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, escapeIdentifier, Pool } from 'pg';
import type { TestProject } from 'vitest/node';
import { silentLog } from '../../server/model/log.ts';
import { openEmbedded } from '../../server/store/embedded/open.ts';
import { migrate } from '../../server/store/migrate.ts';
import { migrationsFolder } from '../../server/store/package-root.ts';
import { findRedis, findServer, type Lane, testPrefix, withDatabase } from './lanes.ts';

/** Databases of runs that were killed are dropped by a later run, after this many minutes. */
const abandonedAfter = 6 * 60;

/**
 * Starts one embedded PostgreSQL for the run, looks for another server and for Redis, and makes on each
 * PostgreSQL a migrated database that the tests copy theirs from.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = `${minutes().toString(36)}_${randomBytes(4).toString('hex')}`;
  const [serverUrl, redisUrl] = await Promise.all([findServer(), findRedis()]);
  report(serverUrl !== null, redisUrl !== null);

  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-test-'));
  // Under root PostgreSQL runs as another user, who has to pass through.
  chmodSync(folder, 0o711);
  const built = join(folder, 'built');
  const embedded = await openEmbedded({ dataDir: folder, log: silentLog });
  const { user, host } = embedded.connection;
  const embeddedUrl = `postgresql://${user}@/postgres?host=${encodeURIComponent(host ?? '')}`;

  const tearDown = async () => {
    if (serverUrl) await dropDatabases(serverUrl, (name) => name.startsWith(testPrefix + run));
    await embedded.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const lanes: Lane[] = [await makeLane('embedded', embeddedUrl, run)];
    if (serverUrl) lanes.push(await makeLane('server', serverUrl, run));
    project.provide('lanes', lanes);
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('redisUrl', redisUrl);
  project.provide('run', run);
  project.provide('built', built);
  return tearDown;
}

function report(server: boolean, redis: boolean): void {
  const missing = [
    ...(server
      ? []
      : ['server (TEST_DATABASE_URL, or a PostgreSQL 15 or newer on localhost:5432)']),
    ...(redis ? [] : ['redis (TEST_REDIS_URL, or a Redis on localhost:6379)']),
  ];
  const running = ['embedded', ...(server ? ['server'] : []), ...(redis ? ['redis'] : [])];
  process.stdout.write(`Lanes: ${running.join(', ')}.\n`);
  for (const lane of missing) process.stdout.write(`Left out, nothing found: ${lane}.\n`);
  if (missing.length > 0 && process.env['GRAPHMDM_REQUIRE_LANES'] === '1') {
    throw new Error('GRAPHMDM_REQUIRE_LANES=1, and not every lane can run.');
  }
}

async function makeLane(name: Lane['name'], adminUrl: string, run: string): Promise<Lane> {
  const template = `${testPrefix}${run}_template`;
  const oldest = minutes() - abandonedAfter;
  await dropDatabases(adminUrl, (database) => startedAt(database) < oldest);
  await onServer(adminUrl, (client) =>
    client.query(`create database ${template} template template0`),
  );
  const pool = new Pool({ connectionString: withDatabase(adminUrl, template), max: 1 });
  try {
    await migrate(pool, migrationsFolder(), { log: silentLog });
    return { name, adminUrl, template, problem: null };
  } catch (error) {
    return {
      name,
      adminUrl,
      template,
      problem: error instanceof Error ? error.message : String(error),
    };
  } finally {
    await pool.end();
  }
}

async function dropDatabases(adminUrl: string, which: (name: string) => boolean): Promise<void> {
  await onServer(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [testPrefix],
    );
    for (const { datname } of rows.filter((row) => which(row.datname))) {
      await client.query(`drop database if exists ${escapeIdentifier(datname)} with (force)`);
    }
  });
}

async function onServer(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function minutes(): number {
  return Math.floor(Date.now() / 60_000);
}

/** When the run that made a test database began; a name of another form counts as just begun. */
function startedAt(database: string): number {
  const [, stamp] = new RegExp(`^${testPrefix}([0-9a-z]+)_[0-9a-f]{8}_`).exec(database) ?? [];
  return stamp === undefined ? minutes() : Number.parseInt(stamp, 36);
}
