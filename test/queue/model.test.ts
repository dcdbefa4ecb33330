import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../clients/simulator/channel.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { queueOf, resultsOf, rowsOf, straysOf } from '../device/stored.ts';
import { databaseLanes } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { QueueModel } from './queue-model.ts';

/** What happens; `on` is a channel (0 the device, 1 its user), `which` a command, in turn. */
type Step =
  | { readonly do: 'enqueue'; readonly to: 'device' | 'user' | 'both' }
  | { readonly do: 'idle'; readonly on: 0 | 1 }
  | {
      readonly do: 'report';
      readonly on: 0 | 1;
      readonly which: number;
      readonly status: 'Acknowledged' | 'Error' | 'NotNow';
    }
  | { readonly do: 're-enrol' };

const on = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      to: fc.constantFrom('device', 'user', 'both'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('idle' as const), on }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('report' as const),
      on,
      which: fc.nat(7),
      status: fc.constantFrom('Acknowledged', 'Error', 'NotNow', 'NotNow'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 're-enrol' as const }) },
);

interface Side {
  readonly id: string;
  readonly channel: Channel;
  readonly model: QueueModel;
}

describe.each(databaseLanes())('a device and its user, on the %s database', (lane) => {
  let server: TestServer;
  let runs = 0;

  beforeAll(async () => {
    server = await startServer({ lane });
  });
  afterAll(() => server.stop());

  it('are handed and have stored what the model says, whatever happens', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 14 }), play), {
      numRuns: 100,
    });
  }, 180_000);

  async function play(steps: readonly Step[]): Promise<void> {
    const run = runs++;
    const device = await server.device(run);
    await device.enrol();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
    await user.tokenUpdate();
    const id = device.enrollmentId;
    const sides: readonly [Side, Side] = [
      { id, channel: device.channel, model: new QueueModel() },
      { id: `${id}:A`, channel: user, model: new QueueModel() },
    ];
    // The first is never enqueued, so that some reports are strays.
    const uuids = [`${run}-unknown`];
    for (const each of steps) {
      switch (each.do) {
        case 'enqueue': {
          const uuid = `${run}-${uuids.length}`;
          uuids.push(uuid);
          const targets = sides.filter(
            (_, place) => each.to !== (['user', 'device'] as const)[place],
          );
          await enqueue(
            server,
            targets.map((side) => side.id),
            aCommand(uuid),
          );
          for (const { model } of targets) model.enqueue(uuid);
          break;
        }
        case 'idle': {
          const { channel, model } = sides[each.on];
          expect((await channel.poll())?.uuid ?? null).toBe(model.idle());
          break;
        }
        case 'report': {
          const { channel, model } = sides[each.on];
          const uuid = uuids[each.which % uuids.length] ?? '';
          const { status } = each;
          const next = status === 'NotNow' ? model.notNow(uuid) : model.report(uuid, status);
          expect((await channel.report(uuid, { status }))?.uuid ?? null).toBe(next);
          break;
        }
        case 're-enrol':
          await device.enrol();
          await user.tokenUpdate();
          for (const { model } of sides) model.clear('RE_ENROLLED');
      }
    }
    for (const side of sides) await expectStored(side);
  }

  async function expectStored({ id, model }: Side): Promise<void> {
    expect(await queueOf(server, id)).toEqual(model.queue);
    const results = (await resultsOf(server, id)).map(({ uuid, ended, status, tally }) => [
      uuid,
      { ended, status, tally },
    ]);
    const expected = [...model.ended].map(([uuid, how]) => [
      uuid,
      { ...how, tally: model.putOff.get(uuid) ?? 0 },
    ]);
    expect(Object.fromEntries(results)).toEqual(Object.fromEntries(expected));
    const strays = (await straysOf(server, id)).map((stray) => [stray.command_uuid, stray.status]);
    expect(Object.fromEntries(strays)).toEqual(Object.fromEntries(model.strays));
    const events = await rowsOf<{ told: string }>(
      server,
      `select rtrim(e.type || ' ' || coalesce(c.uuid, '')) as told
       from event e left join command c on c.key = e.command_key
       where e.enrollment_key = (select key from enrollment where id = $1)
         and e.type in ('CommandAnswered', 'CommandNotNow', 'CommandEnded', 'StrayReportReceived')
       order by e.id`,
      [id],
    );
    expect(events.map(({ told }) => told)).toEqual(model.events);
  }
});
