import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import { readEnrollmentProfile } from '../../clients/simulator/enrollment-profile.ts';
import { renewByProfile } from '../../clients/simulator/renewal.ts';
import { enrolByScep, renewByScep } from '../../clients/simulator/scep.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { makeRenewalProfile } from '../../server/mdm/renewal/renewal-profile.ts';
import type { EnrollContext } from '../../server/mdm/enroll/enroll-context.ts';
import { withTransaction } from '../../server/store/transaction.ts';
import { enrollmentOf, eventsOf } from '../device/stored.ts';
import { enrollContext } from './enroll-context.ts';
import { type EnrollServer, keyPool, startEnrollServer, topic } from './enroll-server.ts';

const keys = keyPool(8);
let taken = 0;
const aKey = () => {
  const key = keys[taken++ % keys.length];
  if (key === undefined) throw new Error('no keys');
  return key;
};

let server: EnrollServer;
let ctx: EnrollContext;

beforeAll(async () => {
  server = await startEnrollServer();
  ctx = await enrollContext(server);
});
afterAll(async () => {
  await ctx.authority?.stop();
  await server.stop();
});

const sha256 = (der: Buffer) => createHash('sha256').update(der).digest('hex');
const tomorrow = () => new Date(Date.now() + 86_400_000);

async function enrolled() {
  return server.enrolBy(await server.invite({ tags: ['invited'] }), { key: aKey() });
}

/** A device with something to lose: a command waits for it, and a token is escrowed. */
async function withSomethingToLose(device: Device): Promise<string> {
  await device.setBootstrapToken(Buffer.from('bootstrap'));
  const uuid = `C-${device.enrollmentId}-${taken}`;
  await enqueue(server, [device.enrollmentId], aCommand(uuid));
  return uuid;
}

async function keptEverything(device: Device, uuid: string): Promise<void> {
  expect((await device.channel.poll())?.uuid).toBe(uuid);
  expect(await device.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
  const { rows } = await ctx.graph.query(
    'select tag from enrollment_tag where enrollment_id = $1',
    [device.enrollmentId],
  );
  expect(rows).toEqual([{ tag: 'invited' }]);
  expect(await enrollmentOf(server, device.enrollmentId)).toMatchObject({
    enabled: true,
    current: sha256(device.identity.certificate),
    pending: null,
  });
  const events = await eventsOf(server, device.enrollmentId);
  expect(events.filter(({ type }) => type === 'EnrollmentReEnrolled')).toEqual([]);
  expect(events.findLast(({ type }) => type === 'CertificateReplaced')?.data).toMatchObject({
    renewal: true,
  });
}

/** The profile that renews a device, as the server makes it. */
async function renewalProfile(device: Device, expiresAt = tomorrow()) {
  const { rows } = await ctx.graph.query<{ key: string; tenant_id: number }>(
    'select key, tenant_id from enrollment where id = $1',
    [device.enrollmentId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('not enrolled');
  return withTransaction(ctx.graph, (client) =>
    makeRenewalProfile(ctx, client, { key: row.key, tenantId: row.tenant_id }, expiresAt),
  );
}

function installProfile(mobileconfig: Buffer | undefined, uuid: string): string {
  return buildCommand('InstallProfile', { Payload: mobileconfig ?? '' }, uuid).toString();
}

const shapes = ['authenticate', 'token-update', 'silent'] as const;

describe('a certificate whose request the current one signed', () => {
  it.each(shapes)('renews the enrolment (%s)', async (shape) => {
    const { device, profile } = await enrolled();
    const uuid = await withSomethingToLose(device);
    const old = device.identity;
    const message = shape === 'silent' ? 'PKCSReq' : 'RenewalReq';
    const renewed = await renewByScep(old, profile.scep, { key: aKey(), message });
    await device.renew(renewed, shape);
    await keptEverything(device, uuid);
    device.identity = old;
    await expect(device.channel.poll()).rejects.toThrow('409');
  });

  it('renews it also when one between was never heard', async () => {
    const { device, profile } = await enrolled();
    const uuid = await withSomethingToLose(device);
    const second = await renewByScep(device.identity, profile.scep, { key: aKey() });
    const third = await renewByScep(second, profile.scep, { key: aKey() });
    await device.renew(third, 'silent');
    await keptEverything(device, uuid);
  });

  it('renews nothing but the enrolment whose it is', async () => {
    const { device, profile } = await enrolled();
    const { device: other } = await enrolled();
    const renewed = await renewByScep(device.identity, profile.scep, { key: aKey() });
    await expect(other.renew(renewed, 'silent').then(() => other.channel.poll())).rejects.toThrow(
      '409',
    );
    expect((await other.tokenUpdate()).status).toBe(409);
  });

  it('fails between Authenticate and TokenUpdate without harm', async () => {
    const { device, profile } = await enrolled();
    const uuid = await withSomethingToLose(device);
    const renewed = await renewByScep(device.identity, profile.scep, { key: aKey() });
    await device.failRenewal(renewed);
    expect((await device.channel.poll())?.uuid).toBe(uuid);
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
    await device.renew(renewed, 'token-update');
    await keptEverything(device, uuid);
  });
});

describe('a renewal profile', () => {
  it.each(shapes)('renews the enrolment that it was made for (%s)', async (shape) => {
    const { device, profile } = await enrolled();
    const uuid = `C2-${device.enrollmentId}`;
    const made = await renewalProfile(device);
    const renewal = readEnrollmentProfile(made ?? Buffer.alloc(0));
    expect(renewal.mdm.payload).toEqual(profile.mdm.payload);
    expect([renewal.identifier, renewal.uuid]).toEqual([profile.identifier, profile.uuid]);
    renewByProfile(device, shape, { key: aKey() });
    await device.setBootstrapToken(Buffer.from('bootstrap'));
    await enqueue(server, [device.enrollmentId], installProfile(made ?? undefined, `R-${uuid}`));
    const old = device.identity;
    const answered = await device.channel.connect();
    expect(answered.map(({ status }) => status)).toEqual(['Acknowledged']);
    expect(device.identity).not.toBe(old);
    await enqueue(server, [device.enrollmentId], aCommand(uuid));
    await keptEverything(device, uuid);
  });

  it('is worth nothing to another device, by any door', async () => {
    const { device } = await enrolled();
    const { device: other } = await enrolled();
    const made = await renewalProfile(device);
    const { scep } = readEnrollmentProfile(made ?? Buffer.alloc(0));
    const identity = await enrolByScep(scep, { key: aKey() });
    const own = other.identity;
    other.identity = identity;
    expect((await other.tokenUpdate()).status).toBe(409);
    expect((await other.authenticate()).status).toBe(409);
    other.identity = own;
    expect((await other.tokenUpdate()).status).toBe(200);
    const stranger = await server.device(90_001, {
      identity,
      facts: deviceFacts(90_001, { topic }),
    });
    expect((await stranger.authenticate()).status).toBe(409);
    expect(await enrollmentOf(server, stranger.enrollmentId)).toBe(null);
  });

  it('has a challenge that is good once, until it ends, and is no invitation', async () => {
    const { device } = await enrolled();
    const made = await renewalProfile(device);
    const { scep } = readEnrollmentProfile(made ?? Buffer.alloc(0));
    const [challenge = ''] = (scep.challenge ?? '').split('.');
    expect((await fetch(`${server.url}/enroll/${challenge}`)).status).toBe(404);
    await enrolByScep(scep, { key: aKey() });
    await expect(enrolByScep(scep, { key: aKey() })).rejects.toThrow('badRequest');
    const late = await renewalProfile(device, new Date(Date.now() - 1));
    const { scep: ended } = readEnrollmentProfile(late ?? Buffer.alloc(0));
    await expect(enrolByScep(ended, { key: aKey() })).rejects.toThrow('badRequest');
  });

  it('says what the enrolment was made with, whatever the settings are now', async () => {
    const { device, profile } = await enrolled();
    const changed: EnrollContext = {
      ...ctx,
      enroll: { ...ctx.enroll, accessRights: 1, separateCheckIn: true, getToken: true },
    };
    const { rows } = await ctx.graph.query('select key from enrollment where id = $1', [
      device.enrollmentId,
    ]);
    const made = await withTransaction(ctx.graph, (client) =>
      makeRenewalProfile(changed, client, { key: rows[0].key, tenantId: 1 }, tomorrow()),
    );
    const renewal = readEnrollmentProfile(made ?? Buffer.alloc(0));
    expect(renewal.mdm.payload).toEqual(profile.mdm.payload);
  });

  it('is not made for an enrolment of which nothing is known', async () => {
    const { challenge } = await server.invite();
    const { scep } = await fetchProfile((await server.invite()).url);
    const identity = await enrolByScep({ ...scep, challenge }, { key: aKey() });
    const device = await server.device(90_002, { identity, facts: deviceFacts(90_002, { topic }) });
    await device.enrol();
    expect(await renewalProfile(device)).toBe(null);
  });

  it('is known of a device that enrols anew by another profile, once that is installed', async () => {
    const { challenge } = await server.invite();
    const { device, profile } = await enrolled();
    const bare = await enrolByScep({ ...profile.scep, challenge }, { key: aKey() });
    const own = device.identity;
    device.identity = bare;
    expect((await device.authenticate()).status).toBe(200);
    device.identity = own;
    await device.channel.poll();
    expect(await renewalProfile(device)).not.toBe(null);
    device.identity = bare;
    await device.enrol();
    expect(await renewalProfile(device)).toBe(null);
  });
});

describe('a certificate that was issued for something else', () => {
  it('is refused without an Authenticate, and begins a new enrolment with one', async () => {
    const { device, profile } = await enrolled();
    await withSomethingToLose(device);
    const { challenge } = await server.invite();
    const identity = await enrolByScep({ ...profile.scep, challenge }, { key: aKey() });
    const own = device.identity;
    device.identity = identity;
    await expect(device.channel.poll()).rejects.toThrow('409');
    expect((await device.tokenUpdate()).status).toBe(409);
    device.identity = own;
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
    await device.reenrol(identity);
    expect(await device.getBootstrapToken()).toBe(null);
  });

  it('is no renewal because an InstallProfile is delivered: of our own we know better', async () => {
    const { device, profile } = await enrolled();
    const { challenge } = await server.invite();
    const identity = await enrolByScep({ ...profile.scep, challenge }, { key: aKey() });
    const made = await renewalProfile(device);
    await enqueue(server, [device.enrollmentId], installProfile(made ?? undefined, `D-${taken}`));
    await device.channel.poll();
    device.identity = identity;
    expect((await device.tokenUpdate()).status).toBe(409);
  });
});
