import { benchDevices, cycle, idle, readFlags, storm } from './devices.ts';
import { benchEnqueue } from './enqueue.ts';
import { benchGraph } from './graph.ts';
import { benchLive } from './live.ts';
import { benchPush } from './push.ts';

// `npm run bench`: all benchmarks, or those that are named: `npm run bench push -- --enrollments 10000`.

const benchmarks: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  push: benchPush,
  idle: (args) => benchDevices('idle', readFlags(args), idle),
  cycle: (args) => benchDevices('cycle', readFlags(args, { devices: '500' }), cycle),
  'big-result': (args) =>
    benchDevices(
      'big result',
      readFlags(args, { devices: '100', commands: '3', bytes: '500000' }),
      cycle,
    ),
  enqueue: benchEnqueue,
  graph: benchGraph,
  live: benchLive,
  'check-in-storm': (args) =>
    benchDevices('check-in storm', readFlags(args, { devices: '5000' }), storm, {
      enrolled: false,
    }),
};

const words = process.argv.slice(2);
const firstFlag = words.findIndex((word) => word.startsWith('--'));
const named = firstFlag === -1 ? words : words.slice(0, firstFlag);
const flags = firstFlag === -1 ? [] : words.slice(firstFlag);
const unknown = named.filter((name) => benchmarks[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}.\n`,
  );
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(benchmarks)) {
    if (named.length === 0 || named.includes(name)) await run(flags);
  }
}
