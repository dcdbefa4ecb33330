import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueIdentity } from '../../clients/simulator/identity.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { enrollmentOf, eventTypesOf, eventsOf, refusalsSince, rowsOf } from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;
const aDevice = () => server.device(devices++);

describe('a device that enrols', () => {
  it('is refused with 409 before its Authenticate, each time, and with another certificate after', async () => {
    const device = await aDevice();
    const from = server.log.length;
    expect((await device.tokenUpdate()).status).toBe(409);
    expect((await device.tokenUpdate()).status).toBe(409);
    expect((await device.authenticate()).status).toBe(200);
    expect((await device.tokenUpdate()).status).toBe(200);
    device.identity = await issueIdentity(server.authority, { commonName: 'another' });
    expect((await device.tokenUpdate()).status).toBe(409);
    expect(refusalsSince(server, from)).toEqual([
      'not-enrolled',
      'not-enrolled',
      'certificate-not-bound',
    ]);
  });

  it('is answered with an empty 200 and no content type', async () => {
    const device = await aDevice();
    const reply = await device.authenticate();
    expect(reply).toMatchObject({ status: 200, contentType: '' });
    expect(reply.body).toHaveLength(0);
  });

  it('is stored with its push data, disabled until its TokenUpdate', async () => {
    const device = await aDevice();
    const { enrollmentId: id, facts } = device;
    await device.authenticate();
    expect(await enrollmentOf(server, id)).toMatchObject({
      kind: 'DEVICE',
      enabled: false,
      disabled_reason: 'AWAITING_TOKEN_UPDATE',
      serial_number: facts.serialNumber,
      token_update_tally: 0,
    });
    await device.tokenUpdate({ AwaitingConfiguration: true });
    const row = await enrollmentOf(server, id);
    expect(row).toMatchObject({
      enabled: true,
      disabled_reason: null,
      topic: facts.topic,
      push_token: device.pushToken,
      awaiting_configuration: true,
      token_update_tally: 1,
    });
    expect(row?.push_magic?.includes(device.pushMagic)).toBe(false);
    const events = await eventsOf(server, id);
    expect(events.map(({ type }) => type)).toEqual([
      'EnrollmentAuthenticated',
      'EnrollmentTokenUpdated',
    ]);
    expect(events[1]?.data).toEqual({
      tokenUpdateTally: 1,
      topic: facts.topic,
      awaitingConfiguration: true,
      newlyEnabled: true,
    });
  });

  it('counts its TokenUpdates, from one again after each enrolment', async () => {
    const device = await aDevice();
    const tally = async () => (await enrollmentOf(server, device.enrollmentId))?.token_update_tally;
    await device.enrol();
    expect(await tally()).toBe(1);
    device.pushToken = Buffer.from('another token');
    await device.tokenUpdate();
    expect(await tally()).toBe(2);
    await device.enrol();
    expect(await tally()).toBe(1);
    await device.tokenUpdate();
    expect(await tally()).toBe(2);
  });

  it('gets back the bootstrap token that it set, until it enrols anew or takes it back', async () => {
    const device = await aDevice();
    await device.enrol();
    const unset = await device.channel.checkIn('GetBootstrapToken', {});
    expect(unset).toMatchObject({ status: 200, contentType: '' });
    expect(unset.body).toHaveLength(0);
    const token = Buffer.from('hello world');
    for (const between of [() => device.enrol(), () => device.setBootstrapToken(Buffer.alloc(0))]) {
      expect((await device.setBootstrapToken(token)).status).toBe(200);
      expect(await device.getBootstrapToken()).toEqual(token);
      const stored = await enrollmentOf(server, device.enrollmentId);
      expect(stored?.bootstrap_token?.includes(token)).toBe(false);
      await between();
      expect(await device.getBootstrapToken()).toBeNull();
    }
  });

  it('is one event more each time that it enrols anew, also with the same certificate', async () => {
    const device = await aDevice();
    await device.enrol();
    await device.authenticate();
    await device.authenticate();
    await device.tokenUpdate();
    expect(await eventTypesOf(server, device.enrollmentId)).toEqual([
      'EnrollmentAuthenticated',
      'EnrollmentTokenUpdated',
      'EnrollmentReEnrolled',
      'EnrollmentAuthenticated',
      'EnrollmentAuthenticated',
      'EnrollmentTokenUpdated',
    ]);
  });

  it('keeps its unlock token from TokenUpdate to TokenUpdate and loses it as it enrols anew', async () => {
    const device = await aDevice();
    await device.enrol();
    const token = async () => (await enrollmentOf(server, device.enrollmentId))?.unlock_token;
    await device.tokenUpdate({ UnlockToken: Buffer.from('unlock me') });
    const sealed = await token();
    expect(sealed?.includes('unlock me')).toBe(false);
    await device.tokenUpdate();
    expect(await token()).toEqual(sealed);
    await device.authenticate();
    expect(await token()).toBeNull();
  });

  it('has every check-in kept, sealed', async () => {
    const device = await aDevice();
    await device.enrol();
    const rows = await rowsOf<{ message_type: string; raw: Buffer }>(
      server,
      `select message_type, raw from check_in
       where enrollment_key = (select key from enrollment where id = $1) order by received_at`,
      [device.enrollmentId],
    );
    expect(rows.map((row) => row.message_type)).toEqual(['Authenticate', 'TokenUpdate']);
    for (const { raw } of rows) expect(raw.includes(device.enrollmentId)).toBe(false);
  });
});
