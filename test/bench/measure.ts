import type { BenchDatabase } from './database.ts';
import type { Running } from './contenders/contender.ts';
import type { LoadOutcome } from './load/words.ts';
import { memoryMegabytes, processorSeconds } from './processor-time.ts';

/** What a piece of work cost, by request. */
export interface Figures {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds of processor time a request. */
  readonly serverMs: number;
  readonly databaseMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly statements: number;
  readonly pages: number;
  /** Bytes of the database's log. */
  readonly walBytes: number;
  readonly memoryMb: number;
  /** Part of a core that the load generator took. */
  readonly load: number;
  readonly problems: readonly string[];
}

/** A generator that is this busy may be what is measured. */
const mostLoad = 0.85;

/** Measures what `work` costs the server and its database. */
export async function measure(
  server: Running,
  database: BenchDatabase,
  work: () => Promise<LoadOutcome>,
): Promise<Figures> {
  const { postmaster } = database;
  const read = async () => ({
    server: processorSeconds(server.pid),
    database: postmaster === null ? Number.NaN : processorSeconds(postmaster),
    counts: await database.counts(),
    wal: await database.logPosition(),
  });
  const before = await read();
  const outcome = await work();
  const after = await read();
  const { requests, seconds, p50, p95, p99 } = outcome;
  const each = (from: number | undefined, to: number | undefined): number =>
    ((to ?? Number.NaN) - (from ?? Number.NaN)) / requests;
  const load = outcome.cpuSeconds / seconds;
  const problems = [...outcome.problems];
  if (load > mostLoad) {
    problems.push(`the load generator took ${Math.round(load * 100)} % of a core`);
  }
  return {
    requests,
    perSecond: requests / seconds,
    serverMs: each(before.server, after.server) * 1000,
    databaseMs: each(before.database, after.database) * 1000,
    p50,
    p95,
    p99,
    statements: each(before.counts?.statements, after.counts?.statements),
    pages: each(before.counts?.pages, after.counts?.pages),
    walBytes: each(before.wal, after.wal),
    memoryMb: memoryMegabytes(server.pid),
    load,
    problems,
  };
}
