import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { connect, type Database } from '../../server/store/open.ts';
import { type Lane, testPrefix, withDatabase } from './lanes.ts';

/** A migrated database that belongs to one test file. */
export interface TestDatabase {
  /** As the program opens it: the two pools. */
  readonly database: Database;
  /** For a server process that the test starts: its DATABASE_URL. */
  readonly url: string;
  /** Closes the pools and drops the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** Names of the PostgreSQL servers of this run, for `describe.each`. */
export function databaseLanes(): readonly Lane['name'][] {
  return inject('lanes').map((lane) => lane.name);
}

/**
 * The server that is there already, or the embedded one where none is: for what is the same on every
 * PostgreSQL, but shall be seen over TCP and on another version too.
 */
export function serverLane(): Lane['name'] {
  return databaseLanes().at(-1) ?? 'embedded';
}

/** The Redis of this run, or null when there is none: `describe.skipIf(!redisUrl())`. */
export function redisUrl(): string | null {
  return inject('redisUrl');
}

/** Copies the template into a database of its own; drop it in `afterAll`. */
export async function testDatabase(name: Lane['name'] = 'embedded'): Promise<TestDatabase> {
  const lane = findLane(name);
  if (lane.problem !== null) throw new Error(`The template was not migrated: ${lane.problem}`);
  return makeDatabase(lane, lane.template);
}

/** A database with nothing in it, for what makes the tables itself. */
export async function emptyDatabase(name: Lane['name'] = 'embedded'): Promise<TestDatabase> {
  return makeDatabase(findLane(name), 'template0');
}

async function makeDatabase(lane: Lane, template: string): Promise<TestDatabase> {
  const name = `${testPrefix}${inject('run')}_${randomBytes(5).toString('hex')}`;
  await onServer(lane, `create database ${name} template ${template}`);
  const url = withDatabase(lane.adminUrl, name);
  const database = connect({ connectionString: url }, 'server', {
    log: silentLog,
    metrics: noMetrics,
  });
  return {
    database,
    url,
    async drop() {
      await database.close();
      await onServer(lane, `drop database if exists ${name} with (force)`);
    },
  };
}

function findLane(name: Lane['name']): Lane {
  const lane = inject('lanes').find((candidate) => candidate.name === name);
  if (!lane) throw new Error(`There is no ${name} lane in this run.`);
  return lane;
}

async function onServer(lane: Lane, sql: string): Promise<void> {
  const client = new Client({ connectionString: lane.adminUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
