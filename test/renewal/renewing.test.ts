import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import { readEnrollmentProfile } from '../../clients/simulator/enrollment-profile.ts';
import { renewByProfile } from '../../clients/simulator/renewal.ts';
import { enrolByScep } from '../../clients/simulator/scep.ts';
import type { EnrollContext } from '../../server/mdm/enroll/enroll-context.ts';
import { renewalEvery, renewCertificates } from '../../server/mdm/renewal/renew.ts';
import type { RenewalSettings } from '../../server/mdm/renewal/settings.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { eventsOf, rowsOf } from '../device/stored.ts';
import { enrollContext } from '../enrollment/enroll-context.ts';
import {
  type EnrollServer,
  keyPool,
  shiftedClock,
  startEnrollServer,
  topic,
} from '../enrollment/enroll-server.ts';
import { struckClock } from '../push/struck-clock.ts';
import { leave, recordProfile, renewalOf, renewals } from './documents.ts';

const day = 86_400_000;
const settings: RenewalSettings = { before: 30 * day, retry: 7 * day, perHour: 60_000 };

const keys = keyPool(6);
let taken = 0;
const aKey = () => {
  const key = keys[taken++ % keys.length];
  if (key === undefined) throw new Error('no keys');
  return key;
};

let server: EnrollServer;
let ctx: EnrollContext;
const clock = shiftedClock();

beforeAll(async () => {
  server = await startEnrollServer();
  ctx = { ...(await enrollContext(server)), clock };
});
afterAll(async () => {
  await ctx.authority?.stop();
  await server.stop();
});

/** Runs the job once, as many days from now as said. */
async function run(daysAhead = 0, other: Partial<RenewalSettings> = {}, context = ctx) {
  clock.ahead = daysAhead * day;
  await renewCertificates(context, { ...settings, ...other }, new AbortController().signal);
}

/** Has a device's certificate end so many days from now. */
async function endsIn(device: Device, days: number): Promise<void> {
  await rowsOf(
    server,
    `update device_certificate d set not_before = now() - interval '350 days',
       not_after = now() + make_interval(days => $2)
     from enrollment e where e.id = $1 and d.sha256 = e.cert_hash`,
    [device.enrollmentId, days],
  );
}

async function endingDevice(days = 20): Promise<Device> {
  const { device } = await server.enrolBy(await server.invite(), { key: aKey() });
  await endsIn(device, days);
  return device;
}

/** A device that came with a certificate of ours, but of whose profile nothing is known. */
async function unknownDevice(number: number, days = 20): Promise<Device> {
  const { challenge, url } = await server.invite({ useLimit: 2 });
  const { scep } = await fetchProfile(url);
  const identity = await enrolByScep({ ...scep, challenge }, { key: aKey() });
  const device = await server.device(number, { identity, facts: deviceFacts(number, { topic }) });
  await device.enrol();
  await endsIn(device, days);
  return device;
}

async function standing(device: Device) {
  const { enrollment } = await server.ask(renewalOf, { enrollmentId: device.enrollmentId });
  if (enrollment === null || !('certificateRenewal' in enrollment)) throw new Error('no device');
  return enrollment.certificateRenewal;
}

/** What waits for the device: nothing, or the profile that it is sent. */
async function sentProfile(device: Device) {
  const command = await device.channel.poll();
  const payload = command?.payload['Payload'];
  return payload instanceof Uint8Array ? readEnrollmentProfile(Buffer.from(payload)) : null;
}

describe('a certificate that ends soon', () => {
  it.each(['authenticate', 'token-update', 'silent'] as const)(
    'is renewed by the profile that the device was enrolled with (%s)',
    async (shape) => {
      const { device, profile } = await server.enrolBy(await server.invite(), { key: aKey() });
      await endsIn(device, 20);
      const old = device.identity;
      await run();
      expect(await standing(device)).toMatchObject({ state: 'ASKED', attempts: 1, reason: null });
      expect((await sentProfile(device))?.mdm.payload).toEqual(profile.mdm.payload);
      renewByProfile(device, shape, { key: aKey() });
      const answered = await device.channel.connect();
      expect(answered.map(({ status }) => status)).toEqual(['Acknowledged']);
      expect(device.identity).not.toBe(old);
      await run();
      expect(await standing(device)).toBe(null);
      const events = await eventsOf(server, device.enrollmentId);
      expect(events.findLast(({ type }) => type === 'CertificateReplaced')?.data).toMatchObject({
        renewal: true,
      });
      expect(await device.channel.poll()).toBe(null);
    },
  );

  it('is asked for once, however often and by however many the job is run', async () => {
    const device = await endingDevice();
    await Promise.all([run(), run(), run()]);
    await run(1);
    const commands = await rowsOf(
      server,
      `select 1 from queue_entry where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    expect(commands).toHaveLength(1);
  });

  it('is asked for once by a process that stood still between looking and asking', async () => {
    const device = await endingDevice();
    let others: Promise<void> | null = null;
    const graph = new Proxy(ctx.graph, {
      get(pool, name): unknown {
        const member: unknown = Reflect.get(pool, name, pool);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]): Promise<unknown> => {
          const result: unknown = await Reflect.apply(member, pool, args);
          if (JSON.stringify(args).includes('due-devices')) others ??= run();
          await others;
          return result;
        };
      },
    });
    await run(0, {}, { ...ctx, graph });
    expect(others).not.toBeNull();
    const commands = await rowsOf(
      server,
      `select 1 from queue_entry where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    expect(commands).toHaveLength(1);
    expect(await standing(device)).toMatchObject({ state: 'ASKED', attempts: 1 });
  });

  it('is left alone before its time, in the first half of its life, and when nothing is to be renewed', async () => {
    const early = await endingDevice(40);
    const young = (await server.enrolBy(await server.invite(), { key: aKey() })).device;
    const due = await endingDevice();
    await run(0, { before: null });
    expect(await standing(due)).toBe(null);
    await run(0, { before: 30 * day });
    await run(0, { before: 9_999 * day });
    expect(await standing(young)).toBe(null);
    expect((await standing(early))?.state).toBe('ASKED');
    expect((await standing(due))?.state).toBe('ASKED');
  });

  it('waits while others go first, those with the least time left first', async () => {
    const later = await endingDevice(12);
    const sooner = await endingDevice(3);
    await run(0, { perHour: 1 });
    expect(await standing(later)).toBe(null);
    expect((await standing(sooner))?.state).toBe('ASKED');
    await run(0, { perHour: 1 });
    expect((await standing(later))?.state).toBe('ASKED');
  });
});

describe('a renewal that came to nothing', () => {
  it('is listed when the device answers Error, and tried again', async () => {
    const device = await endingDevice(25);
    await run();
    device.channel.responder = () => ({ status: 'Error', errors: [] });
    await device.channel.connect();
    await run();
    expect(await standing(device)).toMatchObject({
      state: 'FAILED',
      reason: 'ANSWERED_ERROR',
      attempts: 1,
      advice: expect.stringContaining('result'),
    });
    const events = await eventsOf(server, device.enrollmentId);
    expect(events.at(-1)).toMatchObject({
      type: 'CertificateRenewalFailed',
      data: { reason: 'ANSWERED_ERROR', attempts: 1 },
    });
    await run(1);
    expect((await standing(device))?.state).toBe('FAILED');
    await run(8);
    expect(await standing(device)).toMatchObject({
      state: 'ASKED',
      reason: 'ANSWERED_ERROR',
      attempts: 2,
    });
    expect(await device.channel.poll()).not.toBe(null);
  });

  it('is tried again when nobody came for it, with a challenge of its own', async () => {
    const device = await endingDevice(24);
    await run();
    const [first] = await rowsOf<{ expires_at: Date }>(
      server,
      `select expires_at from queue_entry
       where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    expect(first?.expires_at.getTime()).toBe(
      new Date((await standing(device))?.retryAt ?? '').getTime(),
    );
    await run(7.5);
    expect(await standing(device)).toMatchObject({
      state: 'ASKED',
      reason: 'UNANSWERED',
      attempts: 2,
    });
  });

  it('is tried sooner, the nearer the end is', async () => {
    const device = await endingDevice(2);
    await run();
    const { askedAt, retryAt } = (await standing(device)) ?? {};
    const wait = new Date(retryAt ?? '').getTime() - new Date(askedAt ?? '').getTime();
    expect(wait).toBeGreaterThan(0.9 * day);
    expect(wait).toBeLessThan(1.1 * day);
  });

  it('is seen when the device says that it has the profile and goes on as before', async () => {
    const device = await endingDevice(23);
    await run();
    await device.channel.connect();
    await run(1);
    expect((await standing(device))?.state).toBe('ASKED');
    await run(7.5);
    expect(await standing(device)).toMatchObject({ reason: 'NOT_TAKEN', attempts: 2 });
  });

  it('names what stands in the way of a profile', async () => {
    const device = await endingDevice(22);
    const elsewhere = {
      ...ctx,
      enroll: { ...ctx.enroll, scepUrl: new URL('https://ca.example/') },
    };
    await run(0, {}, elsewhere);
    expect(await standing(device)).toMatchObject({
      state: 'FAILED',
      reason: 'NO_SCEP_CHALLENGE',
      advice: expect.stringContaining('--scep-challenge'),
    });
  });

  it('is forgotten when the device is not managed any more', async () => {
    const device = await endingDevice(21);
    await run();
    await device.checkOut();
    await run();
    expect(await standing(device)).toBe(null);
  });
});

describe('a certificate that has ended', () => {
  it('is listed with what to do, told once, and not renewed', async () => {
    const device = await endingDevice(10);
    await run(11);
    await run(12);
    expect(await standing(device)).toMatchObject({
      state: 'ENDED',
      attempts: 0,
      advice: expect.stringContaining('enrol anew'),
    });
    const events = await eventsOf(server, device.enrollmentId);
    expect(events.filter(({ type }) => type === 'DeviceCertificateEnded')).toHaveLength(1);
    expect(await device.channel.poll()).toBe(null);
  });
});

describe('a device of whose profile nothing is known', () => {
  /** The profile of another vendor, as devices have it. */
  async function foreignProfile(scepUrl: string, topicOf = topic): Promise<Buffer> {
    const { challenge, url } = await server.invite({ useLimit: null });
    const response = await fetch(`${url.href}/profile`);
    const own: PlistDict = parsePlist(Buffer.from(await response.arrayBuffer())) as PlistDict;
    const [scep, mdm] = own['PayloadContent'] as [PlistDict, PlistDict];
    const inner = scep['PayloadContent'] as PlistDict;
    return buildPlist({
      ...own,
      PayloadIdentifier: 'com.example.other.vendor',
      PayloadContent: [
        {
          ...scep,
          PayloadContent: { ...inner, URL: scepUrl, Challenge: `old-${challenge.slice(0, 8)}` },
        },
        { ...mdm, PayloadIdentifier: 'com.example.other.vendor.mdm', Topic: topicOf },
      ],
    });
  }

  const supply = (device: Device, profile: Buffer, more: object = {}) =>
    server
      .ask(recordProfile, {
        input: {
          targets: { ids: [device.enrollmentId] },
          profile: profile.toString('base64'),
          ...more,
        },
      })
      .then(({ recordEnrollmentProfile: answer }) => answer);

  it('is never renewed blindly, and listed until somebody supplies the profile', async () => {
    const device = await unknownDevice(91_001);
    await run();
    await run(1);
    expect(await standing(device)).toMatchObject({
      state: 'UNKNOWN_PROFILE',
      attempts: 0,
      advice: expect.stringContaining('recordEnrollmentProfile'),
    });
    expect(await device.channel.poll()).toBe(null);
    const profile = await foreignProfile(`${server.url}/scep`);
    expect(await supply(device, profile, { validateOnly: true })).toMatchObject({
      recordedCount: 1,
      validateOnly: true,
    });
    await run();
    expect((await standing(device))?.state).toBe('UNKNOWN_PROFILE');
    expect(await supply(device, profile, { idempotencyKey: 'supply' })).toMatchObject({
      recordedCount: 1,
      enrollmentIds: [device.enrollmentId],
      topic,
      replayed: false,
    });
    expect(await supply(device, profile, { idempotencyKey: 'supply' })).toMatchObject({
      replayed: true,
    });
    await run();
    expect((await standing(device))?.state).toBe('ASKED');
    const sent = await sentProfile(device);
    expect([sent?.identifier, sent?.mdm.payload['PayloadIdentifier']]).toEqual([
      'com.example.other.vendor',
      'com.example.other.vendor.mdm',
    ]);
    expect(sent?.scep.challenge).not.toContain('old-');
    renewByProfile(device, 'token-update', { key: aKey() });
    await device.channel.connect();
    await run();
    expect(await standing(device)).toBe(null);
    await endsIn(device, 20);
    await run();
    expect((await sentProfile(device))?.identifier).toBe('com.example.other.vendor');
  });

  it('is sent the profile of another SCEP server as it is', async () => {
    const device = await unknownDevice(91_002);
    const profile = await foreignProfile('https://scep.example.com/');
    await supply(device, profile);
    await run();
    const command = await device.channel.poll();
    expect(Buffer.from((command?.payload['Payload'] ?? '') as Uint8Array)).toEqual(profile);
  });

  it('takes no profile of another topic, and nothing that is no enrolment profile', async () => {
    const device = await unknownDevice(91_003);
    const other = await foreignProfile(`${server.url}/scep`, 'com.apple.mgmt.External.other');
    expect(await supply(device, other)).toMatchObject({ code: 'OTHER_TOPIC' });
    const wrong = async (profile: Buffer) => supply(device, profile);
    const path = ['input', 'profile'];
    expect(await wrong(Buffer.from('no plist'))).toMatchObject({ code: 'NOT_A_PROFILE', path });
    expect(await wrong(Buffer.from([0x30, 0x80]))).toMatchObject({ code: 'NOT_A_PROFILE', path });
    expect(await wrong(buildPlist([]))).toMatchObject({ code: 'NOT_A_PROFILE', path });
    expect(await wrong(buildPlist({ PayloadContent: [] }))).toMatchObject({
      code: 'NO_MDM_PAYLOAD',
    });
    const mdm = { PayloadType: 'com.apple.mdm', Topic: topic, ServerURL: 'https://a/' };
    expect(
      await wrong(buildPlist({ PayloadIdentifier: 'a', PayloadContent: [mdm] })),
    ).toMatchObject({
      code: 'NO_SCEP_PAYLOAD',
    });
  });

  it('has its profile sealed at rest', async () => {
    const rows = await rowsOf<{ all: string }>(
      server,
      "select string_agg(encode(profile, 'escape') || content::text, ' ') as all from profile_values where profile is not null",
    );
    expect(rows[0]?.all).toContain('serverUrl');
    expect(rows[0]?.all).not.toContain('old-');
  });
});

describe('a device whose profile is on record', () => {
  it('leaves without that anybody has to name the profile', async () => {
    const { device, profile } = await server.enrolBy(await server.invite(), { key: aKey() });
    const { unenroll: answer } = await server.ask(leave, {
      input: { enrollmentId: device.enrollmentId },
    });
    expect(answer.__typename).toBe('UnenrollPayload');
    const command = await device.channel.poll();
    expect(command?.payload).toEqual({
      RequestType: 'RemoveProfile',
      Identifier: profile.identifier,
    });
  });
});

describe('the list of renewals', () => {
  it('filters, pages, and shows a tenant only its own', async () => {
    await unknownDevice(91_004);
    await endingDevice(-1);
    await run();
    const asked = await server.ask(renewals, { filter: { states: ['UNKNOWN_PROFILE', 'ENDED'] } });
    const states = new Set(asked.certificateRenewals.edges.map(({ node }) => node.state));
    expect([...states].toSorted()).toEqual(['ENDED', 'UNKNOWN_PROFILE']);
    const all = await server.ask(renewals, { first: 100 });
    const first = await server.ask(renewals, { first: 2 });
    const second = await server.ask(renewals, {
      first: 2,
      after: first.certificateRenewals.pageInfo.endCursor ?? null,
    });
    expect(
      [...first.certificateRenewals.edges, ...second.certificateRenewals.edges].map(
        ({ node }) => node.enrollment?.enrollmentId,
      ),
    ).toEqual(
      all.certificateRenewals.edges.slice(0, 4).map(({ node }) => node.enrollment?.enrollmentId),
    );
    const soon = new Date().toISOString();
    const over = await server.ask(renewals, { filter: { expiresBefore: soon } });
    expect(new Set(over.certificateRenewals.edges.map(({ node }) => node.state))).toEqual(
      new Set(['ENDED']),
    );
    const foreign = await server.token({ tenant: 2 });
    const theirs = await server.ask(renewals, {}, foreign);
    expect(theirs.certificateRenewals.edges).toEqual([]);
  });
});

describe('a running server', () => {
  it('does it by itself', async () => {
    const struck = struckClock(renewalEvery * 1_000);
    const running = await startEnrollServer({ clock: struck });
    try {
      const { device } = await running.enrolBy(await running.invite(), { key: aKey() });
      await running.store.database.graph.query(
        `update device_certificate set not_before = now() - interval '350 days',
           not_after = now() + interval '5 days'`,
      );
      struck.strike();
      await expect
        .poll(async () => (await device.channel.poll())?.requestType, { timeout: 10_000 })
        .toBe('InstallProfile');
    } finally {
      await running.stop();
    }
  });
});
