import { everything } from './all.ts';
import { benchDevices } from './devices.ts';
import { benchEmbedded } from './embedded.ts';
import { benchEnqueue } from './enqueue.ts';
import { fanOut } from './fan-out.ts';
import { benchFill } from './fill.ts';
import { readFlags } from './flags.ts';
import { benchGraph } from './graph.ts';
import { benchLive } from './live.ts';
import { publish } from './publish.ts';
import { benchPush } from './push.ts';
import { cycle, idle, pollsAndReports, storm } from './scenarios.ts';
import { benchRestart, benchWorkers } from './workers.ts';

// `npm run bench idle -- --rounds=5`: a benchmark and its flags; `all` and what it measures: see all.ts.

const benchmarks: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  push: benchPush,
  idle: (args) => benchDevices({ title: 'idle', bench: readFlags(args), scenario: idle }),
  embedded: benchEmbedded,
  cycle: (args) =>
    benchDevices({
      title: 'cycle',
      bench: readFlags(args, { devices: '500' }),
      scenario: cycle,
    }),
  'big-result': (args) =>
    benchDevices({
      title: 'big result',
      bench: readFlags(args, { devices: '100', commands: '3', bytes: '500000' }),
      scenario: cycle,
    }),
  enqueue: benchEnqueue,
  graph: benchGraph,
  live: benchLive,
  'check-in-storm': (args) =>
    benchDevices({
      title: 'check-in storm',
      bench: readFlags(args, { devices: '5000' }),
      scenario: storm,
      enrolled: false,
    }),
  fill: benchFill,
  bloat: (args) =>
    benchDevices({
      title: 'bloat',
      bench: readFlags(args, {
        ...{ rounds: '2', seconds: '15', commands: '2' },
        shapes: '1000:0,1000000:7500000,1000000:7500000:1000',
      }),
      scenario: pollsAndReports,
    }),
  'fan-out': (args) =>
    benchDevices({
      title: 'fan-out',
      bench: readFlags(args, {
        ...{ rounds: '1', devices: '60000', shapes: '60000:0', commands: '10', bytes: '600' },
        // To sign all that is needed would take longer than the run.
        ...{ connections: '1000', proof: 'header', key: 'ec' },
      }),
      scenario: fanOut,
    }),
  steady: (args) =>
    benchDevices({
      title: 'steady',
      bench: readFlags(args, {
        ...{ rounds: '1', devices: '100000', shapes: '100000:0', 'warm-up': '100000' },
        ...{ 'per-second': '1667', seconds: '300', requests: '1000000000' },
      }),
      authority: 'ec',
      scenario: idle,
    }),
  workers: benchWorkers,
  restart: benchRestart,
};

const commands: typeof benchmarks = {
  ...benchmarks,
  all: async (args) => {
    for (const [name, ...flags] of everything) {
      process.stderr.write(`\n${new Date().toISOString()}  ${name} ${flags.join(' ')}\n`);
      // One that fails leaves the others to be measured.
      await benchmarks[name]?.([...flags, ...args]).catch((error: unknown) => {
        process.stderr.write(`${name}: ${String(error)}\n`);
        process.exitCode = 1;
      });
    }
  },
  publish: (args) => Promise.resolve(publish(args)),
};

const [name = '', ...args] = process.argv.slice(2);
const run = commands[name];
if (run === undefined) {
  process.stderr.write(
    `${name === '' ? 'Name a benchmark' : `There is no benchmark ${name}`}. ` +
      `There are: ${Object.keys(commands).join(', ')}.\n`,
  );
  process.exitCode = 2;
} else {
  await run(args);
}
