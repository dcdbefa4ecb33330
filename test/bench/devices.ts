import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import type { Contender, Running } from './contenders/contender.ts';
import { graphmdm } from './contenders/graphmdm.ts';
import { namedPeers } from './contenders/nanomdm.ts';
import { makeBenchDatabase, type WatchedDatabase } from './database.ts';
import { type Entry, entriesOf, pairsOf } from './entries.ts';
import type { DeviceBench } from './flags.ts';
import { udidOf } from './load/devices.ts';
import { type Load, startLoad } from './load/load.ts';
import { report } from './report.ts';
import { inTurn, type Parts } from './rounds.ts';
import { type Shape, stepOf } from './shape.ts';
import { openTemplates } from './templates.ts';

/** What a scenario works with: a server that is warm, with its devices enrolled. */
export interface Ready {
  readonly server: Running;
  readonly database: WatchedDatabase;
  readonly load: Load;
  readonly bench: DeviceBench;
  readonly shape: Shape | null;
  /** Ids of the devices that the load generator is. */
  readonly ids: readonly string[];
  /** Has the load generator be these devices. */
  prepare(first: number, count: number): Promise<void>;
}

/** A benchmark of device messages. */
export interface Plan {
  readonly title: string;
  readonly bench: DeviceBench;
  readonly scenario: (ready: Ready) => Promise<Parts>;
  /** Whether the devices are enrolled before. @default true */
  readonly enrolled?: boolean;
  /** The authority's key, when it is of another kind than the devices': P-256 issues a hundred times faster. */
  readonly authority?: 'rsa' | 'ec';
  /** @default this server, and the peers that the environment names */
  readonly contenders?: readonly Contender[];
}

/** Runs a scenario for every contender in turn, each round on a fresh database. */
export async function benchDevices(plan: Plan): Promise<void> {
  const { bench, scenario, enrolled = true } = plan;
  const title = bench.title ?? plan.title;
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
  chmodSync(folder, 0o711);
  const authority = await makeAuthority({ key: plan.authority ?? bench.key });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const load = startLoad();
  const templates = openTemplates(bench.keep);

  async function once({ contender, shape }: Entry): Promise<Parts> {
    const template = shape === null ? undefined : await templates.of(contender, shape);
    const database = await makeBenchDatabase(contender.name, template);
    try {
      const server = await contender.start({ database, ca, proof: bench.proof });
      let inOwn = 0;
      const parts = await withServer(server, server.database ?? database, shape)
        .finally(async () => (inOwn = (await server.database?.deadlocks()) ?? 0))
        .finally(server.stop);
      return withDeadlocks(parts, inOwn + (await database.deadlocks()));
    } finally {
      await database.drop();
    }
  }

  async function withServer(
    server: Running,
    database: WatchedDatabase,
    shape: Shape | null,
  ): Promise<Parts> {
    const step = shape === null ? 1 : stepOf(shape.enrollments, bench.devices);
    const prepare = async (first: number, count: number): Promise<void> => {
      await load.tell({
        do: 'prepare',
        target: {
          ...{ host: server.host, port: server.port, connections: bench.connections },
          ...{ proof: bench.proof, key: bench.key, first, step, count },
          authority: {
            certificate: certificatePem(authority.certificate),
            key: authority.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
          },
        },
      });
    };
    const warmUp = async (): Promise<void> => {
      const polls = { do: 'poll', seconds: 60, perSecond: null } as const;
      // While it is cold a server may send some of so many away.
      await load.run({ ...polls, requests: Math.ceil(bench.warmUp / 2) });
      await well(load, { ...polls, requests: bench.warmUp });
    };
    const ids = Array.from({ length: bench.devices }, (_, at) => udidOf(at * step));
    await prepare(0, bench.devices);
    if (enrolled) {
      if (shape === null) await well(load, { do: 'enrol' });
      else await adopt(server, ids);
      if (bench.warmUp > 0) await warmUp();
    }
    return scenario({ server, database, load, bench, shape, ids, prepare });
  }

  async function adopt(server: Running, ids: readonly string[]): Promise<void> {
    const { certificates } = await load.tell({ do: 'tell certificates' });
    await server.adopt(
      ids.map((udid, at) => ({ udid, certificate: Buffer.from(certificates[at] ?? '', 'hex') })),
    );
  }

  try {
    const peers = bench.alone ? [] : namedPeers();
    const entries = entriesOf(plan.contenders ?? [graphmdm, ...peers], bench.shapes);
    const parts = await inTurn(entries, bench.rounds, once);
    for (const [part, series] of parts) {
      const isWell = report(
        part === '' ? title : `${title}, ${part}`,
        series,
        pairsOf(entries),
        bench.folder,
      );
      if (!isWell) process.exitCode = 1;
    }
  } finally {
    load.stop();
    await templates.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Has the load generator do what must go well, without measuring it. */
export async function well(load: Load, order: Parameters<Load['run']>[0]): Promise<void> {
  const { problems } = await load.run(order);
  if (problems.length > 0) throw new Error(`before the measurement: ${problems.join('; ')}`);
}

function withDeadlocks(parts: Parts, deadlocks: number): Parts {
  if (deadlocks === 0) return parts;
  return Object.fromEntries(
    Object.entries(parts).map(([part, figures]) => [
      part,
      { ...figures, deadlocks, problems: [...figures.problems, `${deadlocks} deadlocks`] },
    ]),
  );
}
