import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { type Identity, issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import type { UserChannel } from '../../clients/simulator/user-channel.ts';
import { aCommand, aRenewal } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { enrollmentOf, eventsOf, fingerprintOf, queueOf } from './stored.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

interface Fleet {
  readonly device: Device;
  readonly user: UserChannel;
  readonly id: string;
  readonly userId: string;
  /** The certificate that a renewal brings: the same subject, of the same authority. */
  readonly renewed: Identity;
  readonly bootstrapToken: Buffer;
  readonly renewalUuid: string;
}

/** A device with all that a renewal must keep, whose queue is: the renewal, then a command. */
async function aDevice(): Promise<Fleet> {
  const commonName = `device ${devices}`;
  const device = await server.device(devices++);
  await device.enrol();
  const id = device.enrollmentId;
  await device.tokenUpdate({ UnlockToken: Buffer.from('unlock') });
  const bootstrapToken = Buffer.from('bootstrap');
  await device.setBootstrapToken(bootstrapToken);
  const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
  await user.tokenUpdate();
  const userId = `${id}:A`;
  await enqueue(server, [id], aRenewal(`R-${id}`));
  await enqueue(server, [id, userId], aCommand(`C-${id}`));
  const renewed = await issueIdentity(server.authority, { commonName });
  return { device, user, id, userId, renewed, bootstrapToken, renewalUuid: `R-${id}` };
}

const shapes = ['authenticate', 'token-update', 'silent'] as const;

describe('a certificate that comes while its renewal is delivered and unanswered', () => {
  it.each(shapes)('keeps all that the device had (%s)', async (shape) => {
    const { device, user, id, userId, renewed, bootstrapToken, renewalUuid } = await aDevice();
    const old = device.identity;
    expect((await device.channel.poll())?.uuid).toBe(renewalUuid);
    // A reply may get lost on its way: the device says it again.
    if (shape === 'authenticate') {
      device.identity = renewed;
      await device.authenticate();
    }
    await device.renew(renewed, shape);
    if (shape !== 'silent') await device.tokenUpdate();
    expect((await device.channel.report(renewalUuid, { status: 'Acknowledged' }))?.uuid).toBe(
      `C-${id}`,
    );
    expect((await user.poll())?.uuid).toBe(`C-${id}`);
    expect(await device.getBootstrapToken()).toEqual(bootstrapToken);
    const row = await enrollmentOf(server, id);
    expect(row).toMatchObject({
      enabled: true,
      current: hashOf(renewed),
      pending: null,
      token_update_tally: shape === 'silent' ? 2 : 4,
    });
    expect(row?.unlock_token).not.toBeNull();
    expect(await enrollmentOf(server, userId)).toMatchObject({
      enabled: true,
      current: hashOf(renewed),
    });
    const events = await eventsOf(server, id);
    expect(events.filter(({ type }) => type === 'EnrollmentReEnrolled')).toEqual([]);
    expect(events.filter(({ type }) => type === 'CertificateReplaced')).toEqual([
      {
        type: 'CertificateReplaced',
        data: {
          certificateSha256: hashOf(renewed),
          replacedCertificateSha256: hashOf(old),
          renewal: true,
        },
      },
    ]);
    device.identity = old;
    await expect(device.channel.poll()).rejects.toThrow('409');
  });

  it('retires the old certificate for good, also before the renewal is answered', async () => {
    const { device, id, renewed } = await aDevice();
    const old = device.identity;
    await device.channel.poll();
    await device.renew(renewed, 'token-update');
    const before = await fingerprintOf(server);
    device.identity = old;
    await expect(device.channel.poll()).rejects.toThrow('409');
    expect((await device.tokenUpdate()).status).toBe(409);
    expect(await fingerprintOf(server)).toEqual(before);
    expect(await enrollmentOf(server, id)).toMatchObject({ current: hashOf(renewed) });
  });

  it('is a renewal too when the command was put off', async () => {
    const { device, renewed, renewalUuid } = await aDevice();
    await device.channel.poll();
    await device.channel.report(renewalUuid, { status: 'NotNow' });
    await device.renew(renewed, 'silent');
    expect((await device.channel.poll())?.uuid).toBe(renewalUuid);
  });

  it('is refused when it is not the successor of the one before', async () => {
    const { device, renewed } = await aDevice();
    await device.channel.poll();
    const other = await makeAuthority({ commonName: 'another authority' });
    const strangers = [
      await issueIdentity(server.authority, { commonName: 'another subject' }),
      await issueIdentity(other, { commonName: renewed.commonName }),
    ];
    const before = await fingerprintOf(server);
    for (const identity of strangers) {
      device.identity = identity;
      await expect(device.channel.poll()).rejects.toThrow(/409|400/);
    }
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('begins a new enrolment when the device waits in Setup Assistant', async () => {
    for (const shape of ['authenticate', 'token-update'] as const) {
      const { device, id, userId, renewed } = await aDevice();
      const old = device.identity;
      await device.channel.poll();
      device.identity = renewed;
      if (shape === 'authenticate') await device.authenticate();
      await device.tokenUpdate({ AwaitingConfiguration: true });
      expect(await queueOf(server, id), shape).toEqual([]);
      expect(await device.getBootstrapToken(), shape).toBeNull();
      expect(await enrollmentOf(server, userId), shape).toMatchObject({ enabled: false });
      expect(await enrollmentOf(server, id), shape).toMatchObject({
        enabled: true,
        token_update_tally: 1,
        awaiting_configuration: true,
      });
      const events = await eventsOf(server, id);
      expect(
        events.filter(({ type }) => type === 'EnrollmentReEnrolled'),
        shape,
      ).toEqual([
        {
          type: 'EnrollmentReEnrolled',
          data: {
            certificateSha256: hashOf(renewed),
            previousCertificateSha256: hashOf(old),
          },
        },
      ]);
    }
  });
});

describe('a certificate that comes while its renewal is only queued', () => {
  it.each(['token-update', 'silent'] as const)('is refused (%s)', async (shape) => {
    const { device, renewed } = await aDevice();
    const before = await fingerprintOf(server);
    device.identity = renewed;
    if (shape === 'silent') await expect(device.channel.poll()).rejects.toThrow('409');
    else expect((await device.tokenUpdate()).status).toBe(409);
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('begins a new enrolment when it comes with an Authenticate', async () => {
    const { device, id, userId, renewed } = await aDevice();
    await device.reenrol(renewed);
    expect(await queueOf(server, id)).toEqual([]);
    expect(await queueOf(server, userId)).toEqual([]);
    expect(await enrollmentOf(server, id)).toMatchObject({ token_update_tally: 1 });
    expect(await device.getBootstrapToken()).toBeNull();
  });

  it('is refused when the renewal was answered before', async () => {
    const { device, renewed, renewalUuid } = await aDevice();
    await device.channel.poll();
    await device.channel.report(renewalUuid, { status: 'Error' });
    device.identity = renewed;
    await expect(device.channel.poll()).rejects.toThrow('409');
  });

  it('is refused when a profile of another kind was delivered', async () => {
    const { device, id, renewed, renewalUuid } = await aDevice();
    await device.channel.poll();
    await device.channel.report(renewalUuid, { status: 'Error' });
    await device.channel.report(`C-${id}`, { status: 'Acknowledged' });
    const profile = Buffer.from('<plist><dict><key>PayloadContent</key><array/></dict></plist>');
    await enqueue(server, [id], aCommand(`W-${id}`, 'InstallProfile', { Payload: profile }));
    expect((await device.channel.poll())?.uuid).toBe(`W-${id}`);
    device.identity = renewed;
    await expect(device.channel.poll()).rejects.toThrow('409');
  });
});

function hashOf({ certificate }: Identity): string {
  return createHash('sha256').update(certificate).digest('hex');
}
