import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { checkInType, signedBy } from '../build/raw-request.ts';
import { refusalsSince } from '../device/stored.ts';
import { type TestServer, adminToken } from '../harness/server.ts';
import type { Items, OutsideRequest } from './outside.ts';
import type { Stage } from './stage.ts';

const MiB = 1024 * 1024;
const subscription = 'subscription { events { __typename ... on Event { enrollmentId } } }';

/** Requests, answers and subscriptions pass through a proxy as they are. */
export function describePassage(stage: () => Stage): void {
  it('passes on what the server takes, and says itself what is too large', async () => {
    const { newIdentity, newDevice, outside, bySignature } = stage();
    const { proxy, server } = bySignature;
    const own = await newIdentity();
    const device = newDevice(bySignature, own, null);
    await device.enrol();
    const report = async (size: number, length: NonNullable<OutsideRequest['length']>) => {
      const fields = { UDID: device.facts.udid, Status: 'Idle', Padding: 'x'.repeat(size) };
      const body = buildPlist(fields);
      return (await outside.send(proxy, { headers: signedBy(own, body), body, length })).status;
    };
    const ask = async (size: number, length: NonNullable<OutsideRequest['length']>) => {
      const headers = {
        'Content-Type': 'application/json',
        Authorization: `Bearer ${adminToken}`,
      };
      const question = { query: '{ __typename }', extensions: { padding: 'x'.repeat(size) } };
      const body = Buffer.from(JSON.stringify(question));
      const request = { path: '/graphql', method: 'POST', headers, body, length };
      return (await outside.send(proxy, request)).status;
    };
    const from = server.log.length;
    expect(await report(9 * MiB, 'told')).toBe(200);
    expect(await report(9 * MiB, 'untold')).toBe(200);
    expect(await ask(11 * MiB, 'told')).toBe(200);
    expect(await report(11 * MiB, 'asked')).toBe(413);
    expect(await ask(17 * MiB, 'asked')).toBe(413);
    expect(refusalsSince(server, from)).toEqual([]);
  });

  it('redirects nobody, whatever the path, and leaves the path as it was sent', async () => {
    const { outside, bySignature } = stage();
    const paths = [
      ...['/mdm', '/mdm?x=1', '/mdm/', '//mdm', '/mdm//', '/MDM', '/mdm/../mdm', '/./mdm'],
      ...['/%6ddm', '/mdm%2F', '/checkin', '/', '/authproxy', '/.well-known/x', '/graphql/'],
    ];
    for (const path of paths) {
      const headers = { 'Content-Type': checkInType };
      const reply = await outside.send(bySignature.proxy, { path, headers });
      expect(reply.headers.location, path).toBeUndefined();
      const isDeviceRoute = path.split('?', 1)[0] === '/mdm';
      expect([path, reply.status]).toEqual([path, isDeviceRoute ? 400 : 404]);
    }
  });

  it('redirects nobody who comes without TLS', async () => {
    const { port, plainPort } = stage().bySignature.proxy;
    const socket = connect(port, 'localhost');
    socket.write('PUT /mdm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    const [answer] = await once(socket, 'data');
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1\.[01] 400 /);
    expect(String(answer)).not.toMatch(/^location:/im);
    if (plainPort === null) return;
    const plain = once(connect(plainPort, '127.0.0.1'), 'connect');
    await expect(plain).rejects.toThrow(/ECONNREFUSED/);
  });

  it('shows health to everybody, and the metrics to nobody outside', async () => {
    const { outside, bySignature } = stage();
    const get = async (path: string) =>
      (await outside.send(bySignature.proxy, { path, method: 'GET' })).status;
    expect(await get('/livez')).toBe(200);
    expect(await get('/readyz')).toBe(200);
    for (const path of ['/metrics', '/metrics?x', '/%6detrics', '/METRICS', '/x/../metrics']) {
      expect([path, await get(path)]).toEqual([path, 404]);
    }
  });

  it('keeps its connections to the server, and says itself who asked', async () => {
    const { kind, tls, outside } = stage();
    let connections = 0;
    const upstream = createServer((request, response) => {
      response.end(JSON.stringify({ path: request.url, headers: request.headersDistinct }));
    }).on('connection', () => {
      connections += 1;
    });
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void upstream.close());
    const proxy = await kind.start((upstream.address() as AddressInfo).port, tls);
    onTestFinished(() => proxy.stop());
    const path = '/authproxy/a%2Fb//c%20d/../e?x=%2f&y=a+b';
    for (let times = 0; times < 20; times += 1) {
      const { text } = await outside.send(proxy, {
        path,
        headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'http', Traceparent: 't' },
      });
      const seen = JSON.parse(text);
      expect(seen).toMatchObject({
        path,
        headers: { host: [`localhost:${proxy.port}`], traceparent: ['t'] },
      });
      expect(seen.headers['x-forwarded-proto']).toEqual(['https']);
      expect(seen.headers['x-forwarded-for']).toEqual([
        expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      ]);
    }
    expect(connections).toBe(1);
  });

  it.each<[transport: string, subscribe: () => Promise<Items>]>([
    [
      'server-sent events',
      () => stage().outside.subscribeBySse(stage().bySignature.proxy, subscription),
    ],
    [
      'WebSocket',
      async () => stage().outside.subscribeByWebSocket(stage().bySignature.proxy, subscription),
    ],
  ])('brings each event of a subscription as it happens, by %s', async (_name, subscribe) => {
    const { newIdentity, newDevice, bySignature } = stage();
    const items = await subscribe();
    onTestFinished(() => items.close());
    const nextEvent = async () => Object(await items.next()).data.events;
    expect(await nextEvent()).toEqual({ __typename: 'Checkpoint' });
    const device = newDevice(bySignature, await newIdentity(), null);
    const steps = [
      [() => device.authenticate(), /Authenticated/],
      [() => device.tokenUpdate(), /TokenUpdated/],
    ] as const;
    for (const [step, type] of steps) {
      await step();
      // Nothing further happens until this has come: held back, it would never come.
      let event = await nextEvent();
      while (event.__typename === 'Checkpoint') event = await nextEvent();
      expect(event).toEqual({
        __typename: expect.stringMatching(type),
        enrollmentId: device.enrollmentId,
      });
    }
    await items.close();
    // The server learns that the subscriber has gone.
    await subscribersAre(bySignature.server, 0);
  });
}

/** Resolves once a server counts so many open subscriptions. */
async function subscribersAre(server: TestServer, count: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    if (metrics.includes(`\ngraphmdm_events_subscribers ${count}\n`)) return;
  }
}
