import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { commandPlist, type DeviceBench, benchDevices, readFlags, type Ready } from './devices.ts';
import { graphmdmBy } from './contenders/graphmdm.ts';
import { namedPeers } from './contenders/nanomdm.ts';
import { udidOf } from './load/devices.ts';
import { type Figures, measure } from './measure.ts';

/** One command to many enrolments, by every door; the figures are for one command. */
export async function benchEnqueue(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: args.filter((word) => /^--(targets|peers)=/.test(word)),
    options: { targets: { type: 'string', default: '10000' }, peers: { type: 'string' } },
  });
  const others = args.filter((word) => !/^--(targets|peers)=/.test(word));
  const targets = Number(values.targets);
  const bench: DeviceBench = {
    ...readFlags(others, { commands: '10', rounds: '2' }),
    devices: 1,
    silent: targets - 1,
    warmUp: 0,
  };
  await benchDevices(`enqueue to ${targets}`, bench, enqueueMany, {
    contenders: [
      graphmdmBy('graph by filter'),
      graphmdmBy('graph by ids'),
      graphmdmBy('/v1 by ids'),
      ...(values.peers === 'no' ? [] : namedPeers()),
    ],
  });
}

async function enqueueMany({ server, database, bench }: Ready): Promise<Figures> {
  const ids = [udidOf(0), ...Array.from({ length: bench.silent }, (_, n) => `silent-${n + 1}`)];
  const enqueue = () => server.enqueue(ids, commandPlist(randomUUID()));
  // Compiled by now, and not measured.
  for (let warm = 0; warm < 3; warm += 1) await enqueue();
  return measure(server, database, async () => {
    const times: number[] = [];
    const began = performance.now();
    for (let at = 0; at < bench.commands; at += 1) {
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
      problems: [],
    };
  });
}
