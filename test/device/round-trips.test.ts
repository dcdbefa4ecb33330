import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { recordHotStatements } from './statements.ts';

const recorded = recordHotStatements();
let server: TestServer;
let device: Device;

beforeAll(async () => {
  server = await startServer();
  device = await server.device(0);
  await device.enrol();
  await enqueue(server, [device.enrollmentId], aCommand('A'));
  await enqueue(server, [device.enrollmentId], aCommand('B'));
});
afterAll(async () => {
  recorded.stop();
  await server.stop();
});

/** The names of the statements that something cost. */
async function costOf(work: () => Promise<unknown>): Promise<readonly (string | null)[]> {
  recorded.take();
  await work();
  return recorded.take().map(({ name }) => name);
}

describe('the database is asked once', () => {
  it('for a poll, with a command to hand out or without', async () => {
    expect(await costOf(() => device.channel.poll())).toEqual(['idle']);
  });

  it('for a NotNow', async () => {
    const notNow = () => device.channel.report('A', { status: 'NotNow' });
    expect(await costOf(notNow)).toEqual(['not-now']);
  });

  it('for a report, also when it is repeated or nobody waits for it', async () => {
    for (const uuid of ['B', 'B', 'UNKNOWN']) {
      const report = () => device.channel.report(uuid, { status: 'Acknowledged' });
      expect(await costOf(report)).toEqual(['report']);
    }
  });

  it('for the Authenticate of a new device, and for a TokenUpdate', async () => {
    const fresh = await server.device(1);
    expect(await costOf(() => fresh.authenticate())).toEqual(['authenticate-new-device']);
    expect(await costOf(() => fresh.tokenUpdate())).toEqual(['token-update']);
  });
});
