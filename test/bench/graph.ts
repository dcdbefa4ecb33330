import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { z } from 'zod';
import { insertManyDevices } from '../enrollments/many-devices.ts';
import { type BenchGraph, quantile, startBenchGraph } from './graph-server.ts';
import { measure } from './measure.ts';
import { tableOf } from './table.ts';

/** Devices on a page. */
const pageSize = 20;

const query = `query ($orderBy: EnrollmentOrderInput, $after: String) {
  enrollments(first: ${pageSize}, orderBy: $orderBy, after: $after) {
    edges { node { enrollmentId serialNumber deviceName osVersion lastSeenAt enabled tags } }
    pageInfo { endCursor hasNextPage }
  }
}`;

const shape = z.object({
  enrollments: z.object({
    edges: z.array(z.unknown()),
    pageInfo: z.object({ endCursor: z.string().nullable(), hasNextPage: z.boolean() }),
  }),
});

const orders = [
  { field: 'ENROLLMENT_ID', direction: 'ASC' },
  { field: 'LAST_SEEN', direction: 'DESC' },
] as const;

type Order = (typeof orders)[number];

/**
 * Lists of devices: the first page and the 1,000th (or the last, if there are fewer), in two orders, of
 * fleets of these sizes. Flat is right: of a busy machine the processor's time and the pages tell it.
 */
export async function benchGraph(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sizes: { type: 'string', default: '1000,100000' },
      page: { type: 'string', default: '1000' },
      requests: { type: 'string', default: '200' },
    },
  });
  const sizes = values.sizes
    .split(',')
    .map(Number)
    .toSorted((a, b) => a - b);
  const [page, requests] = [Number(values.page), Number(values.requests)];
  const server = await startBenchGraph('graph lists');
  const pool = new Pool({ connectionString: server.database.url, max: 1 });
  try {
    const rows = [];
    let there = 0;
    for (const size of sizes) {
      process.stderr.write(`${size} devices ...\n`);
      await insertManyDevices(pool, size - there, there + 1);
      there = size;
      for (const order of orders) {
        const far = await walk(server, order, page);
        for (const { name, after } of [{ name: 'page 1', after: null }, far]) {
          const variables = { orderBy: order, after };
          await timesOf(server, variables, Math.ceil(requests / 4));
          const figures = await measure(
            { ...server, deviceStatements: null },
            server.database,
            async () => {
              const began = { at: performance.now(), cpu: process.cpuUsage() };
              const times = await timesOf(server, variables, requests);
              const cpu = process.cpuUsage(began.cpu);
              return {
                requests,
                seconds: (performance.now() - began.at) / 1_000,
                p50: quantile(times, 0.5),
                p95: quantile(times, 0.95),
                p99: quantile(times, 0.99),
                delivered: 0,
                resent: 0,
                cpuSeconds: (cpu.user + cpu.system) / 1e6,
                problems: [],
              };
            },
          );
          rows.push({
            devices: size,
            order: `${order.field} ${order.direction}`,
            page: name,
            'p50 ms': rounded(figures.p50),
            'p99 ms': rounded(figures.p99),
            'server ms CPU': rounded(figures.serverMs),
            'database ms CPU': rounded(figures.databaseMs),
            'pages touched': rounded(figures.pages),
          });
        }
      }
    }
    process.stdout.write(tableOf(rows));
  } finally {
    await pool.end();
    await server.stop();
  }
}

/** Pages on to this page, or to the last, as a client does. */
async function walk(server: BenchGraph, orderBy: Order, page: number) {
  let after: string | null = null;
  let at = 1;
  while (at < page) {
    const { enrollments }: z.infer<typeof shape> = await server.ask(
      query,
      { orderBy, after },
      shape,
    );
    if (!enrollments.pageInfo.hasNextPage) break;
    after = enrollments.pageInfo.endCursor;
    at += 1;
  }
  return { name: `page ${at}`, after };
}

/** Milliseconds of each of so many equal requests, one after the other. */
async function timesOf(server: BenchGraph, variables: object, requests: number) {
  const times: number[] = [];
  for (let at = 0; at < requests; at += 1) {
    const began = performance.now();
    await server.ask(query, variables, shape);
    times.push(performance.now() - began);
  }
  return times;
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
