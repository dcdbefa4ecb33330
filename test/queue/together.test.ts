import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { recordHotStatements } from '../device/statements.ts';
import { eventTypesOf, queueOf, resultsOf, rowsOf, straysOf } from '../device/stored.ts';
import { databaseLanes } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { QueueModel } from './queue-model.ts';

const fleetSize = 24;
const recorded = recordHotStatements();
afterAll(() => recorded.stop());

describe.each(databaseLanes())(
  'devices that report at the same moment, on the %s database',
  (lane) => {
    let server: TestServer;
    let fleet: readonly Device[];
    let ids: readonly string[];
    let commands = 0;

    beforeAll(async () => {
      server = await startServer({ lane });
      fleet = await Promise.all(Array.from({ length: fleetSize }, (_, at) => server.device(at)));
      await Promise.all(fleet.map((device) => device.enrol()));
      ids = fleet.map(({ enrollmentId }) => enrollmentId);
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      await server.store.database.graph.query('delete from queue_entry');
    });

    /** Queues a new command for all of them. */
    async function commandAll(): Promise<string> {
      const uuid = `C-${commands++}`;
      await enqueue(server, ids, aCommand(uuid));
      return uuid;
    }

    function countOf(name: string): number {
      return recorded.take().filter((each) => each.name === name).length;
    }

    it('share statements, and each is handed its own next command', async () => {
      const first = await commandAll();
      const second = await commandAll();
      recorded.take();
      const polled = await Promise.all(fleet.map(({ channel }) => channel.poll()));
      expect(polled.map((command) => command?.uuid)).toEqual(fleet.map(() => first));
      const next = await Promise.all(
        fleet.map(({ channel }) => channel.report(first, { status: 'Acknowledged' })),
      );
      expect(next.map((command) => command?.uuid)).toEqual(fleet.map(() => second));
      const names = recorded.take().map(({ name }) => name);
      expect(names).toContain('idle-together');
      expect(names).toContain('report-together');
      expect(names.length).toBeLessThan(fleetSize);
      for (const id of ids) {
        expect(await resultsOf(server, id)).toMatchObject([
          { uuid: first, status: 'Acknowledged' },
        ]);
        expect(await queueOf(server, id)).toEqual([second]);
      }
      // What is sealed is bound to its enrolment: it must be each one's own.
      const { rows } = await server.store.database.graph.query<{ different: number }>(
        'select count(distinct result)::int as different from command_result',
      );
      expect(rows[0]?.different).toBe(fleetSize);
    });

    it('are handed a command with a large body, which is read once for all of them', async () => {
      const uuid = `LARGE-${lane}`;
      const plist = aCommand(uuid).replace('</dict>', `</dict><!-- ${'x'.repeat(100_000)} -->`);
      await enqueue(server, ids, plist);
      recorded.take();
      const polled = await Promise.all(fleet.map(({ channel }) => channel.poll()));
      for (const command of polled) expect(command?.raw.toString()).toBe(plist);
      const reads = countOf('command-bodies');
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThan(fleetSize / 2);
    });

    it('are none of them failed by one whose row is damaged', async () => {
      const uuid = await commandAll();
      await server.store.database.graph.query(
        `insert into command_result (enrollment_key, command_key, ended, queued_at)
       select e.key, c.key, 'ANSWERED', now() from enrollment e, command c where e.id = $1 and c.uuid = $2`,
        [ids[3], uuid],
      );
      const answers = await Promise.allSettled(
        fleet.map(({ channel }) => channel.report(uuid, { status: 'Acknowledged' })),
      );
      expect(answers.map(({ status }) => status)).toEqual(
        ids.map((_, at) => (at === 3 ? 'rejected' : 'fulfilled')),
      );
      expect(await queueOf(server, ids[3] ?? '')).toEqual([uuid]);
      for (const id of ids.filter((_, at) => at !== 3))
        expect(await queueOf(server, id)).toEqual([]);
      await server.store.database.graph.query(
        'delete from command_result where answered_at is null and status is null',
      );
    });

    it('are answered although one has to wait for a lock, and that one when it may', async () => {
      const uuid = await commandAll();
      const holder = await server.store.database.graph.connect();
      await holder.query('begin');
      await holder.query(
        'select 1 from queue_entry where enrollment_key = (select key from enrollment where id = $1) for update',
        [ids[0]],
      );
      const [held, ...others] = fleet.map(({ channel }) =>
        channel.report(uuid, { status: 'Acknowledged' }),
      );
      expect(await Promise.all(others)).toEqual(others.map(() => null));
      await holder.query('commit');
      holder.release();
      // It may have been turned away meanwhile, to come again.
      const answer = await Promise.resolve(held).catch(() =>
        fleet[0]?.channel.report(uuid, { status: 'Acknowledged' }),
      );
      expect(answer).toBeNull();
      expect(await queueOf(server, ids[0] ?? '')).toEqual([]);
    });

    const step = fc.oneof(
      { weight: 2, arbitrary: fc.constant({ do: 'poll' as const }) },
      {
        weight: 5,
        arbitrary: fc.record({
          do: fc.constant('report' as const),
          which: fc.nat(5),
          status: fc.constantFrom('Acknowledged' as const, 'Error' as const, 'NotNow' as const),
          twice: fc.boolean(),
        }),
      },
    );

    it('each get and leave what the model says, whatever the others do', async () => {
      const scripts = fc.array(fc.array(step, { maxLength: 8 }), {
        minLength: fleetSize,
        maxLength: fleetSize,
      });
      await fc.assert(
        fc.asyncProperty(scripts, async (all) => {
          await rowsOf(server, 'delete from queue_entry');
          await rowsOf(server, 'delete from event');
          const uuids = [`${lane}-unknown-${commands++}`];
          for (let more = 0; more < 3; more++) uuids.push(await commandAll());
          await Promise.all(fleet.map((device, at) => playDevice(device, uuids, all[at] ?? [])));
        }),
        { numRuns: 5 },
      );
    }, 120_000);

    async function playDevice(
      { channel, enrollmentId: id }: Device,
      uuids: readonly string[],
      steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
    ): Promise<void> {
      const model = new QueueModel();
      for (const uuid of uuids.slice(1)) model.enqueue(uuid);
      for (const each of steps) {
        if (each.do === 'poll') {
          expect((await channel.poll())?.uuid ?? null).toBe(model.idle());
          continue;
        }
        const { status } = each;
        const uuid = uuids[each.which % uuids.length] ?? '';
        const isTwice = each.twice && status !== 'NotNow';
        const next = status === 'NotNow' ? model.notNow(uuid) : model.report(uuid, status);
        const answers = await Promise.all(
          Array.from({ length: isTwice ? 2 : 1 }, () => channel.report(uuid, { status })),
        );
        for (const answer of answers) expect(answer?.uuid ?? null).toBe(next);
      }
      expect(await queueOf(server, id)).toEqual(model.queue);
      const results = (await resultsOf(server, id)).filter((result) => uuids.includes(result.uuid));
      expect(Object.fromEntries(results.map(({ uuid, status }) => [uuid, status]))).toEqual(
        Object.fromEntries([...model.ended].map(([uuid, { status }]) => [uuid, status])),
      );
      const strays = (await straysOf(server, id)).filter((one) => uuids.includes(one.command_uuid));
      expect(strays.map((stray) => stray.command_uuid)).toEqual([...model.strays.keys()]);
      expect(await eventTypesOf(server, id)).toEqual(
        model.events.map((event) => event.split(' ')[0]),
      );
    }
  },
);
