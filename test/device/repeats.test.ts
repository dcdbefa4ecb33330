import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { endQueues } from '../../server/store/queue/end-entries.ts';
import { withTransaction } from '../../server/store/transaction.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { eventTypesOf, fingerprintOf, resultsOf, rowsOf, straysOf } from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

/** An enrolled device with one command, which has its own name. */
async function commanded(): Promise<{ device: Device; id: string; uuid: string }> {
  const device = await server.device(devices++);
  await device.enrol();
  const uuid = `C-${device.facts.serialNumber}`;
  await enqueue(server, [device.enrollmentId], aCommand(uuid));
  return { device, id: device.enrollmentId, uuid };
}

describe('a report that is repeated', () => {
  it('is answered alike and writes nothing, whatever its status is now', async () => {
    const { device, id, uuid } = await commanded();
    await device.channel.report(uuid, { status: 'Acknowledged' });
    const before = await fingerprintOf(server);
    for (const status of ['Acknowledged', 'Error', 'NotNow'] as const) {
      expect(await device.channel.report(uuid, { status })).toBeNull();
    }
    expect(await fingerprintOf(server)).toEqual(before);
    expect(await resultsOf(server, id)).toMatchObject([{ status: 'Acknowledged' }]);
  });

  it('is written once when it comes ten times at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const { device, id, uuid } = await commanded();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => device.channel.report(uuid, { status: 'Acknowledged' })),
      );
      expect(answers).toEqual(Array(10).fill(null));
      expect(await resultsOf(server, id)).toHaveLength(1);
      expect(await straysOf(server, id)).toEqual([]);
      const types = await eventTypesOf(server, id);
      expect(types.filter((type) => type === 'CommandAnswered')).toHaveLength(1);
    }
  });
});

describe('a report that nobody waits for', () => {
  it('is kept once when this enrolment never had the command, and the queue goes on', async () => {
    const { device, id, uuid } = await commanded();
    const other = await commanded();
    for (const status of ['Acknowledged', 'Error'] as const) {
      expect((await device.channel.report('UNKNOWN', { status }))?.uuid).toBe(uuid);
      expect((await device.channel.report(other.uuid, { status }))?.uuid).toBe(uuid);
    }
    expect((await device.channel.report('PUT-OFF', { status: 'NotNow' }))?.uuid).toBe(uuid);
    expect(await straysOf(server, id)).toEqual([
      { command_uuid: other.uuid, status: 'Acknowledged' },
      { command_uuid: 'PUT-OFF', status: 'NotNow' },
      { command_uuid: 'UNKNOWN', status: 'Acknowledged' },
    ]);
    const strays = (await eventTypesOf(server, id)).filter((type) => type.startsWith('Stray'));
    expect(strays).toHaveLength(3);
    expect((await other.device.channel.poll())?.uuid).toBe(other.uuid);
  });

  it('is kept for a user channel that was never seen before', async () => {
    const { device, id } = await commanded();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'USER-1' });
    expect(await user.poll()).toBeNull();
    expect(await user.report('UNKNOWN', { status: 'Acknowledged' })).toBeNull();
    expect(await straysOf(server, `${id}:USER-1`)).toHaveLength(1);
  });

  it.each([
    ['a CheckOut', (device: Device) => device.checkOut(), 'UNENROLLED'],
    ['an Authenticate', (device: Device) => device.authenticate(), 'RE_ENROLLED'],
  ])('joins the history row that %s made of its command', async (_what, leave, ended) => {
    const { device, id, uuid } = await commanded();
    await device.channel.poll();
    expect((await leave(device)).status).toBe(200);
    expect(await resultsOf(server, id)).toMatchObject([{ ended, status: null }]);
    expect(await device.channel.report(uuid, { status: 'NotNow' })).toBeNull();
    for (const status of ['Acknowledged', 'Error'] as const) {
      expect(await device.channel.report(uuid, { status })).toBeNull();
    }
    expect(await resultsOf(server, id)).toMatchObject([
      { ended, status: 'Acknowledged', has_result: true },
    ]);
    expect(await straysOf(server, id)).toEqual([]);
    const types = await eventTypesOf(server, id);
    expect(types.filter((type) => type === 'CommandAnswered')).toHaveLength(1);
  });

  it('joins that row also when both happen at the same moment', async () => {
    const { device, id, uuid } = await commanded();
    const [row] = await rowsOf<{ key: string }>(
      server,
      'select key from enrollment where id = $1',
      [id],
    );
    const key = row?.key ?? '';
    let reported: Promise<unknown> = Promise.resolve();
    await withTransaction(server.store.database.graph, async (client) => {
      await endQueues(client, [key], 'CANCELLED', new Date(), 'trace');
      reported = device.channel.report(uuid, { status: 'Acknowledged' });
      await blockedStatement();
    });
    expect(await reported).toBeNull();
    expect(await resultsOf(server, id)).toMatchObject([
      { ended: 'CANCELLED', status: 'Acknowledged', has_result: true },
    ]);
  });
});

/** Resolves once a statement of the server waits for a lock. */
async function blockedStatement(): Promise<void> {
  for (;;) {
    const waiting = await rowsOf(
      server,
      `select 1 from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (waiting.length > 0) return;
  }
}
