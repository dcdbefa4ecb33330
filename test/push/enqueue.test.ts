import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wakeOnPush } from '../../clients/simulator/apns/wakes.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { type Apple, startApple } from './apple.ts';
import { commandResults, enqueue, events } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

const hour = 3_600_000;

describe('enqueueCommand pushes', () => {
  let apple: Apple;
  let server: PushServer;
  const devices: Device[] = [];
  let number = 0;

  beforeAll(async () => {
    apple = await startApple();
    server = await startPushServer(apple);
    await server.certify();
  });
  afterAll(async () => {
    await server.stop();
    await apple.close();
  });

  async function aDevice(): Promise<Device> {
    number += 1;
    const device = await server.device(number);
    await device.enrol();
    devices.push(device);
    return device;
  }

  async function queue(
    targets: readonly { readonly enrollmentId: string }[],
    uuid: string,
    more: { readonly push?: boolean; readonly notBefore?: string } = {},
  ) {
    const { enqueueCommand: outcome } = await server.ask(enqueue, {
      input: {
        targets: { ids: targets.map((device) => device.enrollmentId) },
        command: { plist: aCommand(uuid) },
        channels: 'DEVICE',
        validateOnly: false,
        priority: 0,
        push: true,
        ...more,
      },
    });
    if (outcome.__typename !== 'EnqueueCommandPayload') throw new Error(JSON.stringify(outcome));
    return outcome;
  }

  it('a push wakes the target, lives for 24 hours, and carries what Apple wants', async () => {
    const device = await aDevice();
    const before = Date.now();
    await queue([device], 'PLAIN');
    await apple.pushedTo(device);
    const push = apple.pushes.find(({ token }) => token === device.pushToken.toString('hex'));
    expect(push).toMatchObject({
      magic: device.pushMagic,
      topic: device.facts.topic,
      priority: '10',
    });
    const lives = (push?.expiresAt.getTime() ?? 0) - before;
    expect(lives).toBeGreaterThan(24 * hour - 2_000);
    expect(lives).toBeLessThan(24 * hour + 60_000);
    expect(apple.refusals).toEqual([]);
  });

  it('`push: false` pushes to nobody', async () => {
    const [asleep, woken] = [await aDevice(), await aDevice()];
    await queue([asleep], 'ASLEEP', { push: false });
    // Whatever is due for the first is found before what is asked for the second.
    await queue([woken], 'WOKEN');
    await apple.pushedTo(woken);
    expect(apple.countOf(asleep)).toBe(0);
    expect(await server.standing(asleep.enrollmentId)).toMatchObject({ state: 'UNKNOWN' });
  });

  it('many commands queued in a moment are one push, and at most one more behind them', async () => {
    const device = await aDevice();
    const cursor = await server.cursor();
    await Promise.all(Array.from({ length: 12 }, (_, at) => queue([device], `MANY ${at}`)));
    await apple.pushedTo(device);
    // Nothing is lost by that: the last word is a push that came after the last command.
    for (;;) {
      const [row] = await server.sql(
        `select retry_at is null as done, claimed_at > (select max(queued_at) from queue_entry q
           where q.enrollment_key = s.enrollment_key) as served
         from push_state s where enrollment_key = (select key from enrollment where id = $1)`,
        [device.enrollmentId],
      );
      if (row?.['done'] === true) {
        expect(row['served']).toBe(true);
        break;
      }
      await new Promise(setImmediate);
    }
    expect(apple.countOf(device)).toBeLessThanOrEqual(2);
    // What goes well is not told for every command.
    const told = server.follow(events, { after: cursor, types: ['PushAccepted', 'JobProgressed'] });
    expect((await told.next()).value).toMatchObject({ events: { __typename: 'Checkpoint' } });
    await told.return(undefined);
  });

  it('the push goes out after the command can be had', async () => {
    const device = await aDevice();
    const waiting = new Promise<unknown>((resolve) => {
      apple.onPush(({ token }) => {
        if (token !== device.pushToken.toString('hex')) return;
        resolve(server.sql("select 1 from command where uuid = 'COMMITTED'"));
      });
    });
    await queue([device], 'COMMITTED');
    expect(await waiting).toHaveLength(1);
  });

  it('a device wakes by push alone and answers', async () => {
    const device = await aDevice();
    apple.onPush(
      wakeOnPush(
        () => [device],
        (one) => one.channel.connect(),
        (_one, error) => {
          throw error;
        },
      ),
    );
    const { cursor } = await queue([device], 'BY PUSH ALONE');
    for await (const { commandResults: item } of server.follow(commandResults, { after: cursor })) {
      if (item.__typename !== 'CommandAnsweredEvent') continue;
      expect(item).toMatchObject({ commandUuid: 'BY PUSH ALONE', status: 'Acknowledged' });
      break;
    }
  });

  it('a command for later is pushed for when its time has come', async () => {
    const device = await aDevice();
    const notBefore = new Date(Date.now() + hour).toISOString();
    const { pushJob } = await queue([device], 'LATER', { notBefore });
    expect(pushJob?.state).toBe('QUEUED');
    const other = await aDevice();
    await queue([other], 'NOW');
    await apple.pushedTo(other);
    expect(apple.countOf(device)).toBe(0);
    await server.sql("update job set lease_until = now() where state = 'QUEUED'");
    await apple.pushedTo(device);
  });

  it('a command for many makes a job, which reaches each of them once', async () => {
    const many = await pushables(server.store, idsNamed('many', 501));
    const { pushJob, cursor } = await queue(
      many.map(({ id }) => ({ enrollmentId: id })),
      'FOR MANY',
    );
    const id = pushJob?.jobId ?? '';
    expect(id).not.toBe('');
    expect(await server.ended(id, cursor)).toMatchObject({
      kind: 'PUSH',
      state: 'SUCCEEDED',
      done: 501,
      failed: 0,
      total: 501,
    });
    expect(many.map((one) => apple.countOf(one)).every((count) => count === 1)).toBe(true);
  });
});
