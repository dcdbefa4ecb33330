import { randomUUID } from 'node:crypto';
import { graphmdmAs } from './contenders/graphmdm.ts';
import { namedPeers } from './contenders/nanomdm.ts';
import { benchDevices, type Ready } from './devices.ts';
import { readFlags } from './flags.ts';
import { udidOf } from './load/devices.ts';
import { measure } from './measure.ts';
import type { Parts } from './rounds.ts';
import { commandPlist } from './scenarios.ts';

/** One command to all enrolments of each shape, by every door; the figures are for one command. */
export async function benchEnqueue(args: readonly string[]): Promise<void> {
  const defaults = { commands: '0', rounds: '2', shapes: '10000:0' };
  const bench = { ...readFlags(args, defaults), devices: 1, warmUp: 0 };
  await benchDevices({
    title: 'enqueue',
    bench,
    scenario: enqueueMany,
    contenders: [
      graphmdmAs('graphmdm, graph by filter', { door: 'graph by filter' }),
      graphmdmAs('graphmdm, graph by ids', { door: 'graph by ids' }),
      graphmdmAs('graphmdm, /v1 by ids', { door: '/v1 by ids' }),
      ...(bench.alone ? [] : namedPeers()),
    ],
  });
}

async function enqueueMany({ server, database, bench, shape, ids: one }: Ready): Promise<Parts> {
  const ids =
    shape === null ? one : Array.from({ length: shape.enrollments }, (_, at) => udidOf(at));
  const enqueue = () => server.enqueue(ids, commandPlist(randomUUID()));
  // A server that has run for a while has its ways compiled, and the measured queues are short.
  for (let warm = 0; warm < 300; warm += 1) {
    await server.enqueue(ids.slice(0, 1), commandPlist(randomUUID()));
  }
  for (let warm = 0; warm < 3; warm += 1) await enqueue();
  const commands = bench.commands || commandsFor(ids.length);
  const figures = await measure(server, database, async () => {
    const times: number[] = [];
    const began = performance.now();
    for (let at = 0; at < commands; at += 1) {
      const started = performance.now();
      await enqueue();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const at = (part: number) => times[Math.floor((times.length - 1) * part)] ?? 0;
    return {
      requests: times.length,
      seconds: (performance.now() - began) / 1000,
      cpuSeconds: 0,
      ...{ p50: at(0.5), p95: at(0.95), p99: at(0.99) },
      delivered: 0,
      resent: 0,
      problems: [],
    };
  });
  return { '': figures };
}

/** So many that processor time, which is counted in hundredths of a second, says something. */
function commandsFor(targets: number): number {
  return Math.min(200, Math.max(3, Math.ceil(200_000 / targets)));
}
