import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { defaultTopic } from '../../clients/simulator/facts.ts';
import { connectGraph, type Graph } from '../../scripts/demo/graph.ts';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { openDatabase, type Database } from '../../server/store/open.ts';
import { insertEnrollments } from './enrollments.ts';
import { type BenchApple, startApple, startServer } from './processes.ts';
import { tableOf } from './table.ts';

const token = 'token-of-the-benchmark';
const secretKey = Buffer.alloc(32, 7);

interface Figures {
  readonly run: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly megabytes: number;
  /** Resident memory before. */
  readonly megabytesBefore: number;
  readonly lost: number;
  readonly doubled: number;
  readonly connections: number;
}

/**
 * Pushes to a whole fleet against the stand-in: everybody is well; then with 1 % of answers 503 and one
 * GOAWAY a second, after which what was put off is let go at once.
 */
export async function benchPush(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { enrollments: { type: 'string', default: '100000' } },
  });
  const size = Number(values.enrollments);
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
  // Under root PostgreSQL runs as another user, who has to pass through.
  chmodSync(folder, 0o711);
  const stops: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const apple = await startApple(join(folder, 'apple.pem'));
    stops.push(apple.stop);
    const dataDir = join(folder, 'data');
    const server = await startServer([
      ...['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--admin-token', token],
      ...['--secret-key', secretKey.toString('base64'), '--log-level', 'warn'],
      ...['--apns-url', apple.url, '--apns-ca', join(folder, 'apple.pem')],
    ]);
    stops.push(server.stop);
    const watch = { log: silentLog, metrics: noMetrics };
    const database = await openDatabase({ databaseUrl: null, dataDir, ...watch });
    stops.push(database.close);
    const graph = connectGraph(server.url, token);
    stops.push(graph.close);

    process.stderr.write(`${size} enrolments ...\n`);
    await insertEnrollments(database.graph, { size, topic: defaultTopic, secretKey });
    await database.graph.query('vacuum analyze');
    await uploadCertificate(graph, apple.certificate);
    await runOnce(graph, server.url, { ids: ['BENCH-0'] });

    const parts = { apple, server, graph, database, size };
    const figures = [
      await measure(parts, 'all well', { busyEvery: null, goawayMs: null }),
      await measure(parts, '1 % 503, a GOAWAY a second', { busyEvery: 100, goawayMs: 1_000 }),
    ];
    process.stdout.write(tableOf(figures.map((one) => ({ enrolments: size, ...one }))));
    if (figures.some(({ lost, doubled }) => lost > 0 || doubled > 0)) process.exitCode = 1;
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

interface Parts {
  readonly apple: BenchApple;
  readonly server: { readonly url: string };
  readonly graph: Graph;
  readonly database: Database;
  readonly size: number;
}

async function measure(
  { apple, server, graph, database, size }: Parts,
  run: string,
  trouble: { readonly busyEvery: number | null; readonly goawayMs: number | null },
): Promise<Figures> {
  // Another day: nobody is served by the pushes before.
  await database.graph.query(
    `update push_state set claimed_at = claimed_at - interval '1 day', outcome_at = outcome_at - interval '1 day'`,
  );
  await database.graph.query('vacuum push_state');
  const before = await apple.count();
  const memoryBefore = await residentMemory(server.url);
  apple.tell({ do: 'forget' });
  apple.tell({ do: 'behave', ...trouble });
  const { seconds, megabytes } = await runOnce(graph, server.url, { all: true });
  const { rows } = await database.graph.query<{ waiting: number }>(
    'select count(*)::int as waiting from push_state where retry_at is not null',
  );
  const atEnd = await apple.count();
  apple.tell({ do: 'behave', busyEvery: null, goawayMs: null });
  // Not those that are under way.
  await database.graph.query(
    'update push_state set retry_at = now() where retry_at is not null and outcome_at >= claimed_at',
  );
  let last = atEnd;
  const patience = performance.now() + 30_000;
  while (last.accepted < size && performance.now() < patience) last = await apple.count();
  process.stderr.write(
    `${run}: ${atEnd.accepted} at the job's end, ${rows[0]?.waiting ?? 0} tried again after it\n`,
  );
  return {
    run,
    seconds: round(seconds),
    perSecond: Math.round(size / seconds),
    megabytes: Math.round(megabytes),
    megabytesBefore: Math.round(memoryBefore),
    lost: size - last.tokens,
    doubled: last.accepted - last.tokens,
    connections: last.connections - before.connections,
  };
}

const pushed = z.object({
  pushEnrollments: z.object({ job: z.object({ jobId: z.string() }), cursor: z.string() }),
});
const progressed = z.object({
  jobProgress: z.object({ state: z.string().nullish(), failed: z.number().nullish() }),
});

/** Pushes, and follows the job to its end. */
async function runOnce(graph: Graph, url: string, targets: object) {
  const memory = watchMemory(url);
  const started = performance.now();
  const { pushEnrollments } = await graph.ask(
    `mutation ($targets: TargetsInput!) {
      pushEnrollments(input: { targets: $targets }) {
        ... on PushEnrollmentsPayload { job { jobId } cursor }
        ... on Error { message }
      }
    }`,
    { targets },
    pushed,
  );
  for await (const { jobProgress } of graph.subscribe(
    `subscription ($job: ID!, $after: String!) {
      jobProgress(job: $job, after: $after) { ... on JobProgressedEvent { state failed } }
    }`,
    { job: pushEnrollments.job.jobId, after: pushEnrollments.cursor },
    progressed,
  )) {
    if (jobProgress.state === 'SUCCEEDED') break;
    if (jobProgress.state === 'FAILED') throw new Error('the job failed');
  }
  return { seconds: (performance.now() - started) / 1000, megabytes: await memory.stop() };
}

/** The server's resident memory, in MB. */
async function residentMemory(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1] ?? 0) / 1e6;
}

/** The most resident memory from now on. */
function watchMemory(url: string) {
  let most = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      most = Math.max(most, await residentMemory(url));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return most;
    },
  };
}

async function uploadCertificate(graph: Graph, pem: string): Promise<void> {
  await graph.ask(
    `mutation ($pem: String!) {
      uploadPushCertificate(input: { source: { pem: $pem }, newTopic: true }) {
        ... on UploadPushCertificatePayload { topic }
        ... on Error { message }
      }
    }`,
    { pem },
    z.object({ uploadPushCertificate: z.object({ topic: z.string() }) }),
  );
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
