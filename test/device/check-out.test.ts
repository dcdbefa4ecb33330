import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import type { UserChannel } from '../../clients/simulator/user-channel.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { enrollmentOf, eventTypesOf, fingerprintOf, queueOf, resultsOf } from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

interface Pair {
  readonly device: Device;
  readonly user: UserChannel;
  readonly id: string;
  readonly userId: string;
}

/** An enrolled device and its user, each with the command `C`. */
async function aPair(): Promise<Pair> {
  const device = await server.device(devices++);
  await device.enrol();
  const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'USER-1' });
  await user.tokenUpdate();
  const id = device.enrollmentId;
  const userId = `${id}:USER-1`;
  await enqueue(server, [id, userId], aCommand(`C-${id}`));
  return { device, user, id, userId };
}

describe('a device that checks out', () => {
  it('ends its queue and its user’s, and neither is handed anything again', async () => {
    const { device, user, id, userId } = await aPair();
    expect(await device.checkOut()).toMatchObject({ status: 200, contentType: '' });
    for (const each of [id, userId]) {
      expect(await enrollmentOf(server, each)).toMatchObject({
        enabled: false,
        disabled_reason: 'CHECKED_OUT',
        token_update_tally: 0,
      });
      expect(await queueOf(server, each)).toEqual([]);
      expect(await resultsOf(server, each)).toMatchObject([{ ended: 'UNENROLLED', status: null }]);
      await expect(enqueue(server, [each], aCommand(`late ${each}`))).rejects.toThrow(
        'NOT_ENABLED',
      );
    }
    expect(await device.channel.poll()).toBeNull();
    expect(await user.poll()).toBeNull();
    expect(await device.channel.report('UNKNOWN', { status: 'Acknowledged' })).toBeNull();
    const types = (await eventTypesOf(server, id)).slice(2);
    expect(types).toEqual(['CommandEnded', 'EnrollmentCheckedOut', 'StrayReportReceived']);
  });

  it('comes back without what an enqueue that was under way has left in its queue', async () => {
    const { device, id } = await aPair();
    await device.checkOut();
    // As a transaction leaves it that read the enrolment before the CheckOut and committed after it.
    await server.store.database.graph.query(
      `with late as (
         insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
         values ($2, 'EraseDevice', '', '', '', 'test') returning key)
       insert into queue_entry (enrollment_key, urgency, command_key)
       select e.key, 0, late.key from enrollment e, late where e.id = $1`,
      [id, `late-${id}`],
    );
    expect((await device.tokenUpdate()).status).toBe(200);
    expect(await device.channel.poll()).toBeNull();
    expect(await queueOf(server, id)).toEqual([]);
    expect(await resultsOf(server, id)).toMatchObject([
      { ended: 'UNENROLLED' },
      { ended: 'RE_ENROLLED', status: null },
    ]);
  });

  it('may say so twice: 200, and nothing more is written', async () => {
    const { device } = await aPair();
    await device.checkOut();
    const before = await fingerprintOf(server);
    expect((await device.checkOut()).status).toBe(200);
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('may come back, with a re-enrolment’s event and an empty queue', async () => {
    const { device, id } = await aPair();
    await device.checkOut();
    await device.enrol();
    expect(await device.channel.poll()).toBeNull();
    expect(await enrollmentOf(server, id)).toMatchObject({ enabled: true, token_update_tally: 1 });
    expect((await eventTypesOf(server, id)).slice(4)).toEqual([
      'EnrollmentReEnrolled',
      'EnrollmentAuthenticated',
      'EnrollmentTokenUpdated',
    ]);
  });
});

describe('a user channel that checks out', () => {
  it('leaves its device and the device’s queue as they are', async () => {
    const { device, user, id, userId } = await aPair();
    expect((await user.checkIn('CheckOut', {})).status).toBe(200);
    expect(await enrollmentOf(server, userId)).toMatchObject({ enabled: false });
    expect(await resultsOf(server, userId)).toMatchObject([{ ended: 'UNENROLLED' }]);
    expect(await user.poll()).toBeNull();
    expect(await enrollmentOf(server, id)).toMatchObject({ enabled: true });
    expect((await device.channel.poll())?.uuid).toBe(`C-${id}`);
  });

  it('is enabled again by its own TokenUpdate', async () => {
    const { user, userId } = await aPair();
    await user.checkIn('CheckOut', {});
    await user.tokenUpdate();
    expect(await enrollmentOf(server, userId)).toMatchObject({ enabled: true });
    expect(await user.poll()).toBeNull();
  });

  it('is answered 200 when it was never seen', async () => {
    const { device, id } = await aPair();
    const stranger = device.user({ shortName: 'bob', longName: 'Bob', id: 'USER-2' });
    expect((await stranger.checkIn('CheckOut', {})).status).toBe(200);
    expect(await enrollmentOf(server, id)).toMatchObject({ enabled: true });
  });

  it('never means a device whose own id happens to read like a user’s', async () => {
    const { device, id } = await aPair();
    const { facts } = await server.device(devices++);
    const namesake = await server.device(devices++, { facts: { ...facts, udid: `${id}:USER-9` } });
    await namesake.enrol();
    const user = device.user({ shortName: 'eve', longName: 'Eve', id: 'USER-9' });
    const before = await fingerprintOf(server);
    expect((await user.checkIn('CheckOut', {})).status).toBe(409);
    expect((await user.tokenUpdate()).status).toBe(409);
    expect((await user.userAuthenticate()).status).toBe(409);
    await expect(user.report('C', { status: 'Acknowledged' })).rejects.toThrow('409');
    await expect(user.poll()).rejects.toThrow('409');
    expect(await fingerprintOf(server)).toEqual(before);
  });
});
