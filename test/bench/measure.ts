import type { WatchedDatabase } from './database.ts';
import type { Running } from './contenders/contender.ts';
import type { LoadOutcome } from './load/words.ts';
import { processorSeconds, withoutDatabase } from './processor-time.ts';
import { watch, type Watched } from './watch.ts';

/** What a piece of work cost, by request. */
export interface Figures {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds of processor time a request. */
  readonly serverMs: number;
  readonly databaseMs: number;
  /** Part of a core, over the whole time. */
  readonly serverCores: number;
  readonly databaseCores: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly statements: number;
  readonly pages: number;
  /** Of the statements that answer polls and reports, without what the server does beside them. */
  readonly devicePages: number;
  /** Bytes of the database's log. */
  readonly walBytes: number;
  /** The most at once. */
  readonly memoryMb: number;
  /** The most, less what it was before. */
  readonly grownMb: number;
  readonly databaseConnections: number;
  readonly deviceConnections: number;
  readonly resent: number;
  readonly deadlocks: number;
  /** Part of a core that the load generator took. */
  readonly load: number;
  /** Seconds since the beginning, and megabytes of the server. */
  readonly memory: Watched['memory'];
  readonly problems: readonly string[];
}

/** A generator that is this busy may be what is measured. */
const mostLoad = 0.85;

/** Measures what `work` costs the server and its database. */
export async function measure(
  server: Pick<Running, 'pid' | 'port' | 'deviceStatements'>,
  database: WatchedDatabase,
  work: () => Promise<LoadOutcome>,
): Promise<Figures> {
  const { postmaster } = database;
  const read = async () => ({
    server: withoutDatabase(processorSeconds, server.pid, postmaster),
    database: postmaster === null ? Number.NaN : processorSeconds(postmaster),
    counts: await database.counts(server.deviceStatements),
    wal: await database.logPosition(),
  });
  const watching = watch(server, database);
  const before = await read();
  const outcome = await work();
  const after = await read();
  const watched = await watching.stop();
  const { requests, seconds, p50, p95, p99, resent } = outcome;
  const each = (from: number | undefined, to: number | undefined): number =>
    ((to ?? Number.NaN) - (from ?? Number.NaN)) / requests;
  const load = outcome.cpuSeconds / seconds;
  const problems = [...outcome.problems];
  if (load > mostLoad) {
    problems.push(`the load generator took ${Math.round(load * 100)} % of a core`);
  }
  return {
    requests,
    seconds,
    perSecond: requests / seconds,
    serverMs: each(before.server, after.server) * 1000,
    databaseMs: each(before.database, after.database) * 1000,
    serverCores: (after.server - before.server) / seconds,
    databaseCores: (after.database - before.database) / seconds,
    ...{ p50, p95, p99 },
    statements: each(before.counts?.statements, after.counts?.statements),
    pages: each(before.counts?.pages, after.counts?.pages),
    devicePages: each(before.counts?.devicePages, after.counts?.devicePages),
    walBytes: each(before.wal, after.wal),
    ...watched,
    resent,
    // Known when the server has stopped.
    deadlocks: 0,
    load,
    problems,
  };
}
