import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import {
  type Authority,
  type Identity,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { checkInType, signedBy } from '../build/raw-request.ts';
import { enrollmentOf, refusalsSince, resultsOf } from '../device/stored.ts';
import { type TestServer, adminToken, startServer } from '../harness/server.ts';
import { type Items, type Outside, type OutsideRequest, createOutside, writeServerTls } from './outside.ts';
import type { Proxy, ProxyKind } from './proxies.ts';

const MiB = 1024 * 1024;
const subscription = 'subscription { events { __typename ... on Event { enrollmentId } } }';

/** What must hold of every proxy that we give a configuration for. */
export function describeProxy(kind: ProxyKind): void {
  const left = kind.program === null ? ' (left out: the program was not found)' : '';
  describe.skipIf(kind.program === null)(`${kind.name}${left}`, () => {
    let folder: string;
    let authority: Authority;
    let outside: Outside;
    /** Believes the proxy's header, and nothing else. */
    let byHeader: TestServer;
    let headerProxy: Proxy;
    /** Believes signatures, as a server does without `--cert-header`. */
    let bySignature: TestServer;
    let signatureProxy: Proxy;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'graphmdm-deploy-'));
      authority = await makeAuthority();
      outside = createOutside(authority);
      const tls = writeServerTls(authority, folder);
      byHeader = await startServer({ authority, flags: ['--cert-header', kind.certHeader] });
      bySignature = await startServer({ authority });
      headerProxy = await kind.start(byHeader.port, tls);
      signatureProxy = await kind.start(bySignature.port, tls);
    });
    afterAll(async () => {
      await headerProxy.stop();
      await signatureProxy.stop();
      await byHeader.stop();
      await bySignature.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    let devices = 0;
    const newIdentity = (more: { intermediates?: readonly Buffer[]; issuer?: Authority } = {}) =>
      issueIdentity(more.issuer ?? authority, { commonName: `device ${devices}`, ...more });

    /** A device on the other side, which shows `shown` in TLS and signs with its own identity. */
    async function newDevice(proxy: Proxy, own: Identity, shown: Identity | null): Promise<Device> {
      const { send, close } = outside.sender(shown);
      onTestFinished(close);
      const serverUrl = new URL(`${proxy.url}/mdm`);
      const proof = { by: 'signature', style: 'apple' } as const;
      const facts = deviceFacts((devices += 1));
      return new Device({ facts, identity: own, address: { serverUrl, proof, send } });
    }

    const idle = ({ facts }: Device) => buildPlist({ UDID: facts.udid, Status: 'Idle' });
    const hashOf = async (server: TestServer, device: Device) =>
      (await enrollmentOf(server, device.enrollmentId))?.current ?? null;

    async function enrolled(): Promise<{ readonly device: Device; readonly own: Identity }> {
      const own = await newIdentity();
      const device = await newDevice(headerProxy, own, own);
      await device.enrol();
      return { device, own };
    }

    /** The certificate in each form that the server takes. */
    const forms = ({ certificate }: Identity) => [
      `:${certificate.toString('base64')}:`,
      encodeURIComponent(certificatePem(certificate)),
    ];

    it('lets a device enrol and answer a command by its certificate in TLS', async () => {
      const { device } = await enrolled();
      expect(await hashOf(byHeader, device)).toMatch(/^[\da-f]{64}$/);
      const uuid = `header ${device.enrollmentId}`;
      await enqueue(byHeader, [device.enrollmentId], aCommand(uuid));
      expect(await device.channel.connect()).toHaveLength(1);
      expect(await resultsOf(byHeader, device.enrollmentId)).toMatchObject([
        { uuid, status: 'Acknowledged' },
      ]);
    });

    it('takes a certificate that comes with its chain', async () => {
      const middle = await makeAuthority({ commonName: 'middle', issuer: authority });
      const lower = await makeAuthority({ commonName: 'lower', issuer: middle });
      const intermediates = [lower.certificate, middle.certificate];
      const own = await newIdentity({ issuer: lower, intermediates });
      const device = await newDevice(headerProxy, own, own);
      const from = byHeader.log.length;
      // The leaf alone is handed on, so a server that was not told of the others cannot trust it.
      expect((await device.authenticate()).status).toBe(400);
      expect(refusalsSince(byHeader, from)).toEqual(['untrusted']);
    });

    it('hands nothing on for who shows no certificate, and the signature is not looked at', async () => {
      const { device, own } = await enrolled();
      const body = idle(device);
      const from = byHeader.log.length;
      const { status } = await outside.send(headerProxy, { headers: signedBy(own, body), body });
      expect(status).toBe(400);
      expect(refusalsSince(byHeader, from)).toEqual(['missing-certificate']);
    });

    it('never hands on a certificate header that a client wrote', async () => {
      const { device, own } = await enrolled();
      const body = idle(device);
      const names = [kind.certHeader, kind.certHeader.toLowerCase(), 'Client-Cert', 'X-Client-Cert'];
      for (const form of forms(own)) {
        const spoofs: Record<string, string | string[]>[] = [
          ...names.map((name) => ({ [name]: form })),
          { [kind.certHeader]: [form, form] },
          { [kind.certHeader.replaceAll('-', '_')]: form },
          // Headers that the client calls its own connection's are dropped by proxies, at some stage.
          { [kind.certHeader]: form, Connection: `close, ${kind.certHeader}` },
        ];
        for (const headers of spoofs) {
          const from = byHeader.log.length;
          const { status } = await outside.send(headerProxy, { headers, body });
          expect([status, ...refusalsSince(byHeader, from)], JSON.stringify(headers)).toEqual([
            400,
            'missing-certificate',
          ]);
        }
      }
    });

    it('puts the certificate of TLS in place of one that a client wrote', async () => {
      const victim = await enrolled();
      const other = await enrolled();
      for (const form of forms(victim.own)) {
        const headers = { [kind.certHeader]: form };
        const from = byHeader.log.length;
        const asVictim = { identity: other.own, headers, body: idle(victim.device) };
        expect((await outside.send(headerProxy, asVictim)).status).toBe(409);
        expect(refusalsSince(byHeader, from)).toEqual(['certificate-not-bound']);
        const asItself = { identity: other.own, headers, body: idle(other.device) };
        expect((await outside.send(headerProxy, asItself)).status).toBe(200);
      }
    });

    it('does the same over HTTP/2', async () => {
      const { device, own } = await enrolled();
      const body = idle(device);
      const asks = async (identity: Identity | null) => {
        const session = connectHttp2(headerProxy.url, outside.tls(identity));
        const stream = session.request({
          ':method': 'PUT',
          ':path': '/mdm',
          'content-length': body.length,
          [kind.certHeader.toLowerCase()]: forms(own)[0],
        });
        const [headers] = await once(stream.end(body), 'response');
        session.destroy();
        return Number(Object(headers)[':status']);
      };
      expect(await asks(null)).toBe(400);
      expect(await asks(own)).toBe(200);
    });

    it.each(['TLSv1.2', 'TLSv1.3'] as const)(
      'knows the certificate again in a resumed session (%s)',
      async (version) => {
        const { device, own } = await enrolled();
        const limits = { minVersion: version, maxVersion: version, servername: 'localhost' };
        const session = await new Promise<Buffer>((resolve, reject) => {
          const tls = { ...outside.tls(own), ...limits, host: 'localhost', port: headerProxy.port };
          const socket = connectTls(tls, () => {
            socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
          });
          let last: Buffer | undefined;
          socket.on('session', (one: Buffer) => {
            last = one;
          });
          socket.on('error', reject).resume();
          socket.on('close', () => (last ? resolve(last) : reject(new Error('no session'))));
        });
        const tls = { ...limits, session };
        const reply = await outside.send(headerProxy, { identity: own, tls, body: idle(device) });
        expect([reply.status, reply.resumed]).toEqual([200, true]);
      },
    );

    it('lets a device enrol by its signature, with a certificate in TLS and without', async () => {
      const own = await newIdentity();
      for (const shown of [null, own, await newIdentity()]) {
        const signing = shown === own ? own : await newIdentity();
        const device = await newDevice(signatureProxy, signing, shown);
        await device.enrol();
        expect(await device.channel.poll()).toBeNull();
        expect(await enrollmentOf(bySignature, device.enrollmentId)).toMatchObject({ enabled: true });
      }
    });

    it('passes a signature of more than 8 KB on', async () => {
      const chain = await Promise.all(
        Array.from({ length: 30 }, async (_, n) => {
          return (await makeAuthority({ commonName: `unused ${n}`, issuer: authority })).certificate;
        }),
      );
      const own = await newIdentity({ intermediates: chain.slice(0, 9) });
      const device = await newDevice(signatureProxy, own, null);
      const body = idle(device);
      const padded = { 'Mdm-Signature': 'A'.repeat(30_000) };
      const from = bySignature.log.length;
      expect((await outside.send(signatureProxy, { headers: padded, body })).status).toBe(400);
      expect(refusalsSince(bySignature, from)).toHaveLength(1);
      await device.enrol();
    });

    it('passes on what the server takes, and says itself what is too large', async () => {
      const own = await newIdentity();
      const device = await newDevice(signatureProxy, own, null);
      await device.enrol();
      const report = (size: number, more: Pick<OutsideRequest, 'length'>) => {
        const fields = { UDID: device.facts.udid, Status: 'Idle', Padding: 'x'.repeat(size) };
        const body = buildPlist(fields);
        return outside.send(signatureProxy, { headers: signedBy(own, body), body, ...more });
      };
      const ask = (size: number, more: Pick<OutsideRequest, 'length'>) =>
        outside.send(signatureProxy, {
          path: '/graphql',
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${adminToken}` },
          body: Buffer.from(
            JSON.stringify({ query: '{ __typename }', extensions: { padding: 'x'.repeat(size) } }),
          ),
          ...more,
        });
      const from = bySignature.log.length;
      expect((await report(9 * MiB, { length: 'told' })).status).toBe(200);
      expect((await report(9 * MiB, { length: 'untold' })).status).toBe(200);
      expect((await ask(11 * MiB, { length: 'told' })).status).toBe(200);
      expect((await report(11 * MiB, { length: 'asked' })).status).toBe(413);
      expect((await ask(17 * MiB, { length: 'asked' })).status).toBe(413);
      expect(refusalsSince(bySignature, from)).toEqual([]);
    });

    it('redirects nobody, whatever the path, and passes it on as it was sent', async () => {
      const paths = [
        ...['/mdm', '/mdm/', '//mdm', '/mdm//', '/MDM', '/mdm?x=1', '/mdm/../mdm', '/./mdm'],
        ...['/checkin', '/%6ddm', '/mdm%2F', '/', '/authproxy', '/.well-known/x', '/graphql/'],
      ];
      for (const path of paths) {
        const headers = { 'Content-Type': checkInType };
        const through = await outside.send(signatureProxy, { path, headers });
        expect(through.headers.location, path).toBeUndefined();
        expect([through.status, path]).toEqual([path.split('?')[0] === '/mdm' ? 400 : 404, path]);
      }
    });

    it('redirects nobody who comes without TLS', async () => {
      const socket = connect(signatureProxy.port, 'localhost');
      socket.write('PUT /mdm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
      const [answer] = await once(socket, 'data');
      socket.destroy();
      expect(String(answer)).toMatch(/^HTTP\/1\.[01] 400 /);
      expect(String(answer)).not.toMatch(/^location:/im);
      const { plainPort } = signatureProxy;
      if (plainPort === null) return;
      await expect(once(connect(plainPort, '127.0.0.1'), 'connect')).rejects.toThrow(/ECONNREFUSED/);
    });

    it('shows the metrics to nobody outside', async () => {
      const get = (path: string) => outside.send(signatureProxy, { path, method: 'GET' });
      expect((await get('/livez')).status).toBe(200);
      expect((await get('/readyz')).status).toBe(200);
      for (const path of ['/metrics', '/metrics?x', '/%6detrics', '/METRICS', '/x/../metrics']) {
        expect((await get(path)).status, path).toBe(404);
      }
    });

    it.each<[transport: string, subscribe: () => Promise<Items>]>([
      ['server-sent events', async () => outside.subscribeBySse(signatureProxy, subscription)],
      ['WebSocket', async () => outside.subscribeByWebSocket(signatureProxy, subscription)],
    ])('brings each event of a subscription as it happens, by %s', async (_name, subscribe) => {
      const items = await subscribe();
      onTestFinished(() => items.close());
      const typeOf = async () => Object(await items.next()).data.events;
      expect(await typeOf()).toEqual({ __typename: 'Checkpoint' });
      const device = await newDevice(signatureProxy, await newIdentity(), null);
      for (const step of ['authenticate', 'tokenUpdate'] as const) {
        await device[step]();
        // Nothing further happens until this has come: held back, it would never come.
        const expected = step === 'authenticate' ? 'Authenticated' : 'TokenUpdated';
        let event = await typeOf();
        while (event.__typename === 'Checkpoint') event = await typeOf();
        expect(event).toMatchObject({ enrollmentId: device.enrollmentId });
        expect(event.__typename).toContain(expected);
      }
      await items.close();
      await subscribersAre(bySignature, 0);
    });
  });
}

/** Resolves once a server counts so many open subscriptions. */
async function subscribersAre(server: TestServer, count: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    if (metrics.includes(`\ngraphmdm_events_subscribers ${count}\n`)) return;
  }
}
