import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { issueIdentity } from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { enrollmentOf, eventTypesOf, refusalsSince, rowsOf } from '../device/stored.ts';
import { adminToken, type TestServer, startServer } from '../harness/server.ts';
import { askServer } from './graph.ts';

describe('with --checkin', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ flags: ['--checkin'] });
  });
  afterAll(() => server.stop());

  it('check-ins go to /checkin and reports to /mdm, whatever their Content-Type says', async () => {
    const { identity } = await server.device(1);
    const send = async (path: string, type: string, body: Buffer) => {
      const headers = { 'Content-Type': type, ...signedBy(identity, body) };
      return (await sendRaw({ url: server.url, path, headers, body })).status;
    };
    const authenticate = buildPlist({ MessageType: 'Authenticate', UDID: 'U', Topic: 't' });
    const idle = buildPlist({ UDID: 'U', Status: 'Idle' });
    for (const type of [checkInType, 'application/x-apple-aspen-mdm', 'text/plain']) {
      expect(await send('/mdm', type, authenticate)).toBe(400);
      expect(await send('/checkin', type, authenticate)).toBe(200);
      expect(await send('/checkin', type, idle)).toBe(400);
      expect(await send('/mdm', type, idle)).toBe(200);
    }
  });
});

describe('without --checkin', () => {
  it('there is no /checkin', async () => {
    const server = await startServer();
    const reply = await sendRaw({ url: server.url, path: '/checkin' });
    await server.stop();
    expect(reply.status).toBe(404);
  });
});

describe('with --disable-mdm', () => {
  it('no device is served, and the graph is', async () => {
    const flags = ['--disable-mdm', '--checkin', '--auth-proxy-url', 'http://127.0.0.1:1/'];
    const server = await startServer({ flags });
    const statuses = await Promise.all(
      ['/mdm', '/checkin', '/authproxy/x'].map(async (path) => {
        return (await sendRaw({ url: server.url, path })).status;
      }),
    );
    const { data } = await askServer(server, '{ eventCursor }');
    await server.stop();
    expect(statuses).toEqual([404, 404, 404]);
    expect(data).toEqual({ eventCursor: expect.any(String) });
  });
});

describe('with --disable-api', () => {
  it('there is no graph, by POST, by GET or by WebSocket, and devices are served', async () => {
    const server = await startServer({ flags: ['--disable-api'] });
    const headers = { Authorization: `Bearer ${adminToken}` };
    const upgrade = { ...headers, Connection: 'Upgrade', Upgrade: 'websocket' };
    const url = server.url;
    const replies = [
      await sendRaw({ url, path: '/graphql', method: 'POST', headers }),
      await sendRaw({ url, path: '/graphql', method: 'GET', headers: { Accept: 'text/html' } }),
      await sendRaw({ url, path: '/graphql', method: 'GET', headers: upgrade }),
    ];
    const device = await server.device(1);
    await device.enrol();
    await server.stop();
    expect(replies.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it('and with --disable-mdm too the server does not start', async () => {
    const both = startServer({ flags: ['--disable-api', '--disable-mdm'] });
    await expect(both).rejects.toThrow(/--disable-mdm and --disable-api/);
  });
});

describe('a migrated enrolment, which has no certificate yet', () => {
  let server: TestServer;
  let strict: TestServer;
  beforeAll(async () => {
    server = await startServer({ flags: ['--retro'] });
    strict = await startServer({ store: server.store, authority: server.authority });
  });
  afterAll(async () => {
    await strict.stop();
    await server.stop();
  });

  let devices = 0;
  /** A device whose row a migration has left, with a user's. */
  async function migrated() {
    const device = await server.device(devices++);
    const { udid } = device.facts;
    await rowsOf(
      server,
      `with device as (
         insert into enrollment (id, kind, topic, push_token, enabled, enrolled_at)
         values ($1, 'DEVICE', 't', '\\x01', true, now()) returning key)
       insert into enrollment (id, kind, device_key, user_id, topic, push_token, enabled)
       select $1 || ':A', 'USER', key, 'A', 't', '\\x02', true from device`,
      [udid],
    );
    return device;
  }
  const user = { id: 'A', shortName: 'ann', longName: 'Ann' };
  const idle = (id: string) => buildPlist({ UDID: id, Status: 'Idle' });

  it('is bound to the first certificate that it shows, and to no other', async () => {
    const device = await migrated();
    const { udid } = device.facts;
    expect(await device.channel.poll()).toBeNull();
    const hash = (await enrollmentOf(server, udid))?.current;
    expect(hash).toMatch(/^[\da-f]{64}$/);
    expect(await enrollmentOf(server, `${udid}:A`)).toMatchObject({ current: hash, enabled: true });
    expect(await enrollmentOf(server, udid)).toMatchObject({ enabled: true });
    expect(await eventTypesOf(server, udid)).toEqual(['CertificateReplaced']);
    const second = await issueIdentity(server.authority, { commonName: 'second' });
    const from = server.log.length;
    const body = idle(udid);
    const headers = signedBy(second, body);
    expect((await sendRaw({ url: server.deviceUrl, headers, body })).status).toBe(409);
    expect(refusalsSince(server, from)).toEqual(['certificate-not-bound']);
    expect(await device.channel.poll()).toBeNull();
  });

  it.each([
    ['TokenUpdate', 200],
    ['GetBootstrapToken', 200],
    ['CheckOut', 200],
  ])('is bound by a %s too', async (messageType, status) => {
    const device = await migrated();
    const fields = { Topic: 't', Token: Buffer.from('t'), PushMagic: 'm' };
    expect((await device.channel.checkIn(messageType, fields)).status).toBe(status);
    expect((await enrollmentOf(server, device.facts.udid))?.current).not.toBeNull();
  });

  it('is bound when its user is heard first', async () => {
    const device = await migrated();
    expect(await device.user(user).poll()).toBeNull();
    expect((await enrollmentOf(server, device.facts.udid))?.current).not.toBeNull();
    expect(await device.channel.poll()).toBeNull();
  });

  it('goes on with a report about a command that it had before', async () => {
    const device = await migrated();
    expect(await device.channel.report('before', { status: 'Acknowledged' })).toBeNull();
    expect(await eventTypesOf(server, device.facts.udid)).toEqual([
      'CertificateReplaced',
      'StrayReportReceived',
    ]);
  });

  it('is not bound to a certificate that another device has', async () => {
    const [owner, device] = [await migrated(), await migrated()];
    await owner.channel.poll();
    const thief = await server.device(devices, { facts: device.facts, identity: owner.identity });
    await expect(thief.channel.poll()).rejects.toThrow(/409/);
    expect((await enrollmentOf(server, device.facts.udid))?.current).toBeNull();
    expect(await device.channel.poll()).toBeNull();
  });

  it('is bound once when two certificates come at the same moment', async () => {
    const device = await migrated();
    const { udid } = device.facts;
    const rivals = await Promise.all(
      Array.from({ length: 6 }, () => issueIdentity(server.authority, { commonName: 'rival' })),
    );
    const body = idle(udid);
    const replies = await Promise.all(
      rivals.map((one) => sendRaw({ url: server.deviceUrl, headers: signedBy(one, body), body })),
    );
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(5);
  });

  it('never lets in an id that was not migrated', async () => {
    const stranger = await server.device(devices++);
    const from = server.log.length;
    expect((await stranger.tokenUpdate()).status).toBe(409);
    await expect(stranger.channel.poll()).rejects.toThrow(/409/);
    await expect(stranger.user(user).poll()).rejects.toThrow(/409/);
    expect(refusalsSince(server, from)).toEqual(['not-enrolled', 'not-enrolled', 'not-enrolled']);
    expect(await enrollmentOf(server, stranger.facts.udid)).toBeNull();
  });

  it('is refused without --retro, until it enrols anew', async () => {
    const { facts, identity } = await migrated();
    const device = await strict.device(devices, { facts: deviceFacts(devices - 1), identity });
    expect(device.facts.udid).toBe(facts.udid);
    await expect(device.channel.poll()).rejects.toThrow(/409/);
    await device.enrol();
    expect(await device.channel.poll()).toBeNull();
  });
});
