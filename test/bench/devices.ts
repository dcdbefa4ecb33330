import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import { graphmdm } from './contenders/graphmdm.ts';
import type { Contender, Running } from './contenders/contender.ts';
import { namedPeers } from './contenders/nanomdm.ts';
import { type BenchDatabase, makeBenchDatabase } from './database.ts';
import { type Proof, udidOf } from './load/devices.ts';
import { type Load, startLoad } from './load/load.ts';
import { type Figures, measure } from './measure.ts';
import { report } from './report.ts';
import { inTurn } from './rounds.ts';

/** What all benchmarks of device messages can be told. */
export interface DeviceBench {
  readonly rounds: number;
  readonly devices: number;
  readonly requests: number;
  readonly warmUp: number;
  readonly connections: number;
  readonly commands: number;
  readonly bytes: number;
  readonly silent: number;
  readonly history: number;
  readonly perSecond: number | null;
  readonly proof: Proof;
  readonly key: 'rsa' | 'ec';
  readonly folder: string | null;
}

const flags = {
  rounds: { type: 'string', default: '3' },
  devices: { type: 'string', default: '1000' },
  requests: { type: 'string', default: '20000' },
  'warm-up': { type: 'string', default: '4000' },
  connections: { type: 'string', default: '64' },
  commands: { type: 'string', default: '5' },
  bytes: { type: 'string', default: '2048' },
  silent: { type: 'string', default: '0' },
  history: { type: 'string', default: '0' },
  'per-second': { type: 'string' },
  proof: { type: 'string', default: 'signature' },
  key: { type: 'string', default: 'rsa' },
  folder: { type: 'string' },
} as const;

/** @param defaults what a scenario has otherwise, as on the command line */
export function readFlags(
  args: readonly string[],
  defaults: Partial<Record<keyof typeof flags, string>> = {},
): DeviceBench {
  const { values } = parseArgs({ args: [...args], options: flags, strict: true });
  const given = new Set(
    args.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]),
  );
  const text = (flag: keyof typeof flags): string | undefined =>
    given.has(`--${flag}`) ? values[flag] : (defaults[flag] ?? values[flag]);
  const number = (flag: keyof typeof flags): number => Number(text(flag));
  return {
    rounds: number('rounds'),
    devices: number('devices'),
    requests: number('requests'),
    warmUp: number('warm-up'),
    connections: number('connections'),
    commands: number('commands'),
    bytes: number('bytes'),
    silent: number('silent'),
    history: number('history'),
    perSecond: text('per-second') === undefined ? null : number('per-second'),
    proof: text('proof') === 'header' ? 'header' : 'signature',
    key: text('key') === 'ec' ? 'ec' : 'rsa',
    folder: text('folder') ?? null,
  };
}

/** What a scenario works with: a server that is warm, with its devices enrolled. */
export interface Ready {
  readonly server: Running;
  readonly database: BenchDatabase;
  readonly load: Load;
  readonly bench: DeviceBench;
  /** Has the load generator be these devices. */
  prepare(first: number, count: number): Promise<void>;
}

/** Runs a scenario for every contender in turn, each round on a fresh database. */
export async function benchDevices(
  title: string,
  bench: DeviceBench,
  scenario: (ready: Ready) => Promise<Figures>,
  options: { readonly enrolled?: boolean; readonly contenders?: readonly Contender[] } = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
  chmodSync(folder, 0o711);
  const authority = await makeAuthority({ key: 'rsa' });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const load = startLoad();
  const enrolled = options.enrolled ?? true;

  async function once(contender: Contender): Promise<Figures> {
    const database = await makeBenchDatabase(contender.name);
    try {
      const server = await contender.start({ database, ca, proof: bench.proof });
      try {
        const prepare = async (first: number, count: number): Promise<void> => {
          await load.tell({
            do: 'prepare',
            target: {
              ...{ host: server.host, port: server.port, connections: bench.connections },
              ...{ proof: bench.proof, key: bench.key, first, count },
              authority: {
                certificate: certificatePem(authority.certificate),
                key: authority.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
              },
            },
          });
        };
        await prepare(0, bench.devices);
        if (enrolled) {
          expectWell(await load.run({ do: 'enrol' }));
          if (bench.silent > 0) await server.addSilent(bench.silent);
          if (bench.history > 0) await server.addHistory(bench.history);
          const warmUp = { do: 'poll', requests: bench.warmUp, perSecond: null } as const;
          if (bench.warmUp > 0) expectWell(await load.run(warmUp));
        }
        return await scenario({ server, database, load, bench, prepare });
      } finally {
        await server.stop();
      }
    } finally {
      await database.drop();
    }
  }

  try {
    const contenders = options.contenders ?? [graphmdm, ...namedPeers()];
    const series = await inTurn(contenders, bench.rounds, once);
    if (!report(title, series, bench.folder)) process.exitCode = 1;
  } finally {
    load.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function expectWell({ problems }: { readonly problems: readonly string[] }): void {
  if (problems.length > 0) throw new Error(`before the measurement: ${problems.join('; ')}`);
}

/** Polls that find nothing. */
export function idle({ server, database, load, bench }: Ready): Promise<Figures> {
  const { requests, perSecond } = bench;
  return measure(server, database, () => load.run({ do: 'poll', requests, perSecond }));
}

/** Commands for all devices, then each of them polls, receives and answers until nothing is left. */
export async function cycle({ server, database, load, bench }: Ready): Promise<Figures> {
  const { commands, devices, bytes } = bench;
  const ids = Array.from({ length: devices }, (_, at) => udidOf(at));
  // The first lot warms up what answers reports.
  await queueAndSign(server, load, ids, Math.max(1, Math.ceil(2000 / devices)), bytes);
  expectWell(await load.run({ do: 'drain' }));
  await queueAndSign(server, load, ids, commands, bytes);
  const figures = await measure(server, database, () => load.run({ do: 'drain' }));
  const wanted = commands * devices + devices;
  return figures.requests === wanted
    ? figures
    : {
        ...figures,
        problems: [...figures.problems, `${figures.requests} requests, not ${wanted}`],
      };
}

async function queueAndSign(
  server: Running,
  load: Load,
  ids: readonly string[],
  commands: number,
  bytes: number,
): Promise<void> {
  const uuids = Array.from({ length: commands }, () => randomUUID());
  for (const uuid of uuids) await server.enqueue(ids, commandPlist(uuid));
  await load.tell({ do: 'sign', uuids, bytes });
}

/** A command that any device takes. */
export function commandPlist(uuid: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
    '<plist version="1.0"><dict><key>Command</key><dict><key>RequestType</key>' +
    `<string>InstalledApplicationList</string></dict><key>CommandUUID</key><string>${uuid}</string></dict></plist>\n`
  );
}

/** Devices that enrol: Authenticate and TokenUpdate. */
export async function storm({ server, database, load, bench, prepare }: Ready): Promise<Figures> {
  // Others before them, so that the server is warm.
  await prepare(1_000_000, Math.ceil(bench.warmUp / 2));
  expectWell(await load.run({ do: 'enrol' }));
  await prepare(0, bench.devices);
  return measure(server, database, () => load.run({ do: 'enrol' }));
}
