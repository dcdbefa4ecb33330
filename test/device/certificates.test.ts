import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { type Identity, issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import {
  enrollmentOf,
  eventsOf,
  eventTypesOf,
  fingerprintOf,
  queueOf,
  refusalsSince,
} from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

async function enrolled(): Promise<Device> {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

function newIdentity(name = 'new'): Promise<Identity> {
  return issueIdentity(server.authority, { commonName: name });
}

function hashOf({ certificate }: Identity): string {
  return createHash('sha256').update(certificate).digest('hex');
}

/** The status that a poll is answered with, signed by `identity`. */
async function pollBy(device: Device, identity: Identity): Promise<number> {
  const body = buildPlist({ ...device.channel.identifiers, Status: 'Idle' });
  return (await sendRaw({ url: server.deviceUrl, headers: signedBy(identity, body), body })).status;
}

describe('a message', () => {
  it.each([
    ['apple', 'rsa'],
    ['apple', 'ec'],
    ['modern', 'rsa'],
    ['modern', 'ec'],
  ] as const)('is taken when it is signed in the %s style with an %s key', async (style, key) => {
    const identity = await issueIdentity(server.authority, { commonName: 'styled', key });
    const device = await server.device(devices++, { identity });
    const body = buildPlist({ MessageType: 'Authenticate', UDID: device.enrollmentId });
    const headers = {
      'Content-Type': 'application/x-apple-aspen-mdm-checkin',
      ...signedBy(identity, body, style),
    };
    expect((await sendRaw({ url: server.deviceUrl, headers, body })).status).toBe(200);
  });

  it('is refused, stores nothing and is told in the log when somebody else signed it', async () => {
    const device = await enrolled();
    const other = await enrolled();
    const foreign = await makeAuthority({ commonName: 'foreign' });
    const body = buildPlist({ ...device.channel.identifiers, Status: 'Idle' });
    const day = 86_400_000;
    const past = {
      notBefore: new Date(Date.now() - 9 * day),
      notAfter: new Date(Date.now() - day),
    };
    const named = { commonName: 'device' };
    const cases = [
      [400, 'missing-signature', {}],
      [400, 'bad-base64', { 'Mdm-Signature': 'not base64!' }],
      [400, 'bad-cms', { 'Mdm-Signature': Buffer.from('no CMS').toString('base64') }],
      [400, 'signature-mismatch', signedBy(device.identity, Buffer.from('another body'))],
      [400, 'untrusted', signedBy(await issueIdentity(foreign, named), body)],
      [
        400,
        'expired',
        signedBy(await issueIdentity(server.authority, { ...named, ...past }), body),
      ],
      [409, 'certificate-not-bound', signedBy(await newIdentity(), body)],
      [409, 'certificate-not-bound', signedBy(other.identity, body)],
    ] as const;
    const before = await fingerprintOf(server);
    for (const [status, reason, headers] of cases) {
      const from = server.log.length;
      const reply = await sendRaw({ url: server.deviceUrl, headers, body });
      expect([reply.status, ...refusalsSince(server, from)]).toEqual([status, reason]);
      // NanoMDM's answers: the status and its name, never a reason.
      expect(reply.body.toString()).toBe(status === 400 ? 'Bad Request\n' : 'Conflict\n');
    }
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('is refused when its signature is cut at any byte', async () => {
    const device = await enrolled();
    const body = buildPlist({ ...device.channel.identifiers, Status: 'Idle' });
    const whole = Buffer.from(signedBy(device.identity, body)['Mdm-Signature'] ?? '', 'base64');
    const before = await fingerprintOf(server);
    const step = Math.ceil(whole.length / 60);
    for (let length = 0; length < whole.length; length += step) {
      const headers = { 'Mdm-Signature': whole.subarray(0, length).toString('base64') };
      expect((await sendRaw({ url: server.deviceUrl, headers, body })).status).toBe(400);
    }
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('is refused when an Authenticate brings the certificate of another device', async () => {
    const device = await enrolled();
    const known = await enrolled();
    const stranger = await server.device(devices++, { identity: device.identity });
    known.identity = device.identity;
    const before = await fingerprintOf(server);
    const from = server.log.length;
    expect((await stranger.authenticate()).status).toBe(409);
    expect((await known.authenticate()).status).toBe(409);
    expect(await fingerprintOf(server)).toEqual(before);
    expect(refusalsSince(server, from)).toEqual(['certificate-taken', 'certificate-taken']);
  });
});

describe('a new certificate, brought by an Authenticate', () => {
  it('is pending until it is heard; then the old one is refused and an event tells of both', async () => {
    const messages: readonly [string, (device: Device) => Promise<unknown>][] = [
      ['a TokenUpdate', (device) => device.tokenUpdate()],
      ['a poll', (device) => device.channel.poll()],
      ['a report', (device) => device.channel.report('UNKNOWN', { status: 'Acknowledged' })],
      ['a NotNow', (device) => device.channel.report('UNKNOWN', { status: 'NotNow' })],
      ['a user’s TokenUpdate', (device) => userOf(device).tokenUpdate()],
      ['a user’s poll', (device) => userOf(device).poll()],
    ];
    for (const [what, hear] of messages) {
      const device = await enrolled();
      await userOf(device).tokenUpdate();
      const ids = [device.enrollmentId, `${device.enrollmentId}:A`];
      const old = device.identity;
      device.identity = await newIdentity();
      const [before, after] = [hashOf(old), hashOf(device.identity)];
      expect((await device.authenticate()).status, what).toBe(200);
      for (const id of ids) {
        expect(await enrollmentOf(server, id), what).toMatchObject({
          current: before,
          pending: after,
        });
      }
      await hear(device);
      for (const id of ids) {
        expect(await enrollmentOf(server, id), what).toMatchObject({
          current: after,
          pending: null,
        });
      }
      const replaced = (await eventsOf(server, device.enrollmentId)).filter(
        ({ type }) => type === 'CertificateReplaced',
      );
      expect(
        replaced.map(({ data }) => data),
        what,
      ).toEqual([{ certificateSha256: after, replacedCertificateSha256: before, renewal: false }]);
      expect(await pollBy(device, old), what).toBe(409);
      expect(await pollBy(device, device.identity), what).toBe(200);
    }
  });

  it('leaves a device enabled that is heard with its old one: its profile update failed', async () => {
    const device = await enrolled();
    await userOf(device).tokenUpdate();
    const ids = [device.enrollmentId, `${device.enrollmentId}:A`];
    const old = device.identity;
    device.identity = await newIdentity();
    await device.authenticate();
    expect(await enrollmentOf(server, device.enrollmentId)).toMatchObject({ enabled: false });
    device.identity = old;
    expect(await device.channel.poll()).toBeNull();
    for (const id of ids) {
      expect(await enrollmentOf(server, id)).toMatchObject({
        enabled: true,
        disabled_reason: null,
      });
    }
    const events = await eventsOf(server, device.enrollmentId);
    expect(events.at(-1)).toEqual({
      type: 'EnrollmentReEnabled',
      data: { reason: 'RE_ENROLLMENT_FAILED' },
    });
    await enqueue(server, [device.enrollmentId], aCommand(`C-${device.enrollmentId}`));
    expect(await queueOf(server, device.enrollmentId)).toHaveLength(1);
    expect((await device.channel.poll())?.uuid).toBe(`C-${device.enrollmentId}`);
  });

  it('still enrols the device when a message signed with the old one was under way meanwhile', async () => {
    const device = await enrolled();
    await userOf(device).tokenUpdate();
    const old = device.identity;
    device.identity = await newIdentity();
    await device.authenticate();
    expect(await pollBy(device, old)).toBe(200);
    await enqueue(server, [device.enrollmentId], aCommand(`C-${device.enrollmentId}`));
    expect((await device.tokenUpdate()).status).toBe(200);
    expect(await pollBy(device, old)).toBe(409);
    // It did enrol anew, so what was meant for it before is gone, and its user has to come back.
    expect(await device.channel.poll()).toBeNull();
    expect(await enrollmentOf(server, device.enrollmentId)).toMatchObject({ enabled: true });
    expect(await enrollmentOf(server, `${device.enrollmentId}:A`)).toMatchObject({
      enabled: false,
    });
    const types = (await eventTypesOf(server, device.enrollmentId)).slice(2);
    expect(types).toEqual([
      'EnrollmentReEnrolled',
      'EnrollmentAuthenticated',
      'EnrollmentReEnabled',
      'CommandEnded',
      'EnrollmentReEnrolled',
      'CertificateReplaced',
      'EnrollmentTokenUpdated',
    ]);
  });

  it('does not enable a channel again that had checked out before', async () => {
    const device = await enrolled();
    const user = userOf(device);
    await user.tokenUpdate();
    await user.checkIn('CheckOut', {});
    const old = device.identity;
    device.identity = await newIdentity();
    await device.authenticate();
    device.identity = old;
    await device.channel.poll();
    expect(await enrollmentOf(server, `${device.enrollmentId}:A`)).toMatchObject({
      enabled: false,
    });
    expect(await enrollmentOf(server, device.enrollmentId)).toMatchObject({ enabled: true });
  });
});

function userOf(device: Device) {
  return device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
}
