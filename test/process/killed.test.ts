import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { ask } from '../graph/ask.ts';
import { type Listening, scratchFolder, startProcess } from '../harness/process.ts';
import { killProcesses, postmasterIn, withDescendants } from '../harness/process-tree.ts';
import { enqueue } from './documents.ts';
import { movingFleet } from './fleet.ts';

const soak = process.env['GRAPHMDM_SOAK'] === '1';
// In the first the devices enrol, in the next they work on.
const rounds = soak ? 30 : 2;
const fleetSize = 6;
const token = 'token-of-the-killed-server';

/** Whole numbers below a limit, the same again for the same seed (a linear congruential generator). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What everybody outside the server knows to be true, because the server has said so. */
interface Promised {
  /** Devices whose enrolment was answered 200. */
  readonly enrolled: Set<string>;
  /** `device command` of each report that was answered 200. */
  readonly answered: Set<string>;
  /** `device command` of each target of an enqueueing that was answered. */
  readonly queued: Set<string>;
  /** `device command` of those delivered although their report had been answered. */
  readonly deliveredAgain: string[];
}

/** Enrols if need be, then polls and answers, as long as there is a server. */
async function live(device: Device, promised: Promised, until: () => boolean): Promise<void> {
  const id = device.enrollmentId;
  if (!promised.enrolled.has(id)) {
    await device.enrol();
    promised.enrolled.add(id);
  }
  let command = await device.channel.poll();
  while (!until()) {
    if (command === null) {
      command = await device.channel.poll();
      continue;
    }
    const target = `${id} ${command.uuid}`;
    if (promised.answered.has(target)) promised.deliveredAgain.push(target);
    const next = await device.channel.report(command.uuid, device.channel.responder(command));
    promised.answered.add(target);
    command = next;
  }
}

/** Enqueues one command after the other to all devices that are enrolled, as long as there is a server. */
async function command(
  server: Listening,
  promised: Promised,
  name: string,
  until: () => boolean,
): Promise<void> {
  for (let n = 1; !until(); n += 1) {
    const ids = [...promised.enrolled];
    if (ids.length === 0) {
      await fetch(`${server.url}/livez`);
      continue;
    }
    const uuid = `${name}-${n}`;
    const { data } = await ask({ url: server.graphqlUrl }, token, enqueue, {
      input: { targets: { ids }, command: { plist: aCommand(uuid) } },
    });
    if (data?.enqueueCommand.__typename !== 'EnqueueCommandPayload') {
      throw new Error(`${uuid} was not enqueued: ${JSON.stringify(data)}`);
    }
    expect(data.enqueueCommand.queuedCount).toBe(ids.length);
    for (const id of ids) promised.queued.add(`${id} ${uuid}`);
  }
}

/** What the database of the server holds. */
async function stored(dataDir: string) {
  const client = new Client({
    host: join(dataDir, 'socket'),
    port: 5432,
    user: 'graphmdm',
    database: 'graphmdm',
  });
  await client.connect();
  const lines = async (sql: string): Promise<readonly string[]> =>
    (await client.query<{ line: string }>(sql)).rows.map(({ line }) => line);
  const named = `from enrollment e join t on t.enrollment_key = e.key
    join command c on c.key = t.command_key`;
  try {
    return {
      enrolled: await lines('select id as line from enrollment where enabled'),
      answered: await lines(`with t as (select * from command_result where ended = 'ANSWERED'
        and status is not null and result is not null) select e.id || ' ' || c.uuid as line ${named}`),
      queued: await lines(`with t as (select * from queue_entry)
        select e.id || ' ' || c.uuid as line ${named}`),
      answers: await lines(`with t as (select * from event where type = 'CommandAnswered')
        select e.id || ' ' || c.uuid as line ${named}`),
      strays: await lines('select command_uuid as line from stray_report'),
    };
  } finally {
    await client.end();
  }
}

function missing(wanted: Iterable<string>, found: readonly string[]): readonly string[] {
  const there = new Set(found);
  return [...wanted].filter((one) => !there.has(one));
}

describe('a server killed while devices report and commands are enqueued', () => {
  const ways = ['the whole process group', 'the server alone'] as const;
  it.each(ways)(
    'keeps what it has answered, and delivers nothing answered again: %s',
    { timeout: soak ? 600_000 : 90_000 },
    async (way) => {
      const seed = Number(process.env['GRAPHMDM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
      const random = randomFrom(seed);
      const folder = scratchFolder();
      const dataDir = join(folder, 'data');
      const promised: Promised = {
        enrolled: new Set(),
        answered: new Set(),
        queued: new Set(),
        deliveredAgain: [],
      };
      // The moment of the kill: some turns of the event loop after some message has been sent.
      let kill = { after: Number.POSITIVE_INFINITY, turns: 0, now: () => {} };
      const fleet = await movingFleet(fleetSize, folder, (post, send) => {
        kill.after -= 1;
        if (kill.after === 0) {
          const { turns, now } = kill;
          const turn = (left: number): unknown => (left > 0 ? setImmediate(turn, left - 1) : now());
          turn(turns);
        }
        return send(post);
      });
      onTestFinished(fleet.close);
      const start = async () => {
        const server = startProcess(
          ['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--ca', fleet.ca],
          { env: { GRAPHMDM_ADMIN_TOKEN: token } },
        );
        const listening = await server.listening;
        fleet.moveTo(listening.port);
        return { server, listening };
      };
      const verify = async (round: string) => {
        const found = await stored(dataDir);
        const where = `${round}, GRAPHMDM_SEED=${seed}`;
        expect(missing(promised.enrolled, found.enrolled), `enrolments, ${where}`).toEqual([]);
        expect(missing(promised.answered, found.answered), `answers, ${where}`).toEqual([]);
        expect(missing(promised.answered, found.answers), `events, ${where}`).toEqual([]);
        const kept = [...found.answered, ...found.queued];
        expect(missing(promised.queued, kept), `queued, ${where}`).toEqual([]);
        expect(new Set(kept).size, `both answered and queued, ${where}`).toBe(kept.length);
        expect(new Set(found.answers).size, `events twice, ${where}`).toBe(found.answers.length);
        expect(promised.deliveredAgain, `delivered again, ${where}`).toEqual([]);
        expect(found.strays, `strays, ${where}`).toEqual([]);
      };

      for (let round = 1; round <= rounds; round += 1) {
        const { server, listening } = await start();
        const postmaster = postmasterIn(join(dataDir, 'database'));
        if (postmaster === null) throw new Error('no database runs');
        if (round > 1) await verify(`round ${round}`);

        const kills: Promise<void>[] = [];
        const now = () => {
          const database = withDescendants(postmaster);
          const ours = withDescendants(server.pid).filter((pid) => !database.includes(pid));
          const all = random(2) === 0 ? [...ours, ...database] : [...database, ...ours];
          kills.push(killProcesses(way === 'the server alone' ? ours : all));
        };
        // In the first round perhaps while the first devices enrol.
        kill = { after: (round === 1 ? 3 : 40) + random(160), turns: random(40), now };
        const dead = () => kills.length > 0;
        const early: unknown[] = [];
        const untilKilled = (work: Promise<void>): Promise<void> =>
          work.catch((error: unknown) => {
            // Only the kill may end anybody's work.
            if (dead()) return;
            early.push(error);
            now();
          });
        await Promise.all([
          ...fleet.devices.map((device) => untilKilled(live(device, promised, dead))),
          untilKilled(command(listening, promised, `round-${round}`, dead)),
        ]);
        await Promise.all(kills);
        expect((await server.ended).signal).toBe('SIGKILL');
        expect(early, `GRAPHMDM_SEED=${seed}`).toEqual([]);
        const alive = postmasterIn(join(dataDir, 'database'));
        expect(alive).toBe(way === 'the server alone' ? postmaster : null);
      }

      const { server } = await start();
      await verify('at the end');
      const joined = server.log.find(({ folder: where }) => where !== undefined);
      expect(joined).toMatchObject({ joined: way === 'the server alone' });
      for (const device of fleet.devices) {
        if (!promised.enrolled.has(device.enrollmentId)) {
          await device.enrol();
          promised.enrolled.add(device.enrollmentId);
        }
        for (const { command: taken } of await device.channel.connect()) {
          const target = `${device.enrollmentId} ${taken.uuid}`;
          if (promised.answered.has(target)) promised.deliveredAgain.push(target);
          promised.answered.add(target);
        }
      }
      await verify('drained');
      const { queued } = await stored(dataDir);
      expect(queued, `GRAPHMDM_SEED=${seed}`).toEqual([]);
      expect(promised.answered.size).toBeGreaterThan(0);
      expect((await server.stop()).status).toBe(0);
      expect(postmasterIn(join(dataDir, 'database'))).toBeNull();
    },
  );
});
