import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { expect, it } from 'vitest';
import { type Identity, certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { signedBy } from '../build/raw-request.ts';
import { enrollmentOf, refusalsSince, resultsOf } from '../device/stored.ts';
import { type Stage, idle } from './stage.ts';

/** The certificate in each form that the server takes. */
const forms = ({ certificate }: Identity) => [
  `:${certificate.toString('base64')}:`,
  encodeURIComponent(certificatePem(certificate)),
];

/** Devices prove who they are through a proxy, and nobody else does. */
export function describeIdentity(stage: () => Stage): void {
  it('lets a device enrol and answer a command by its certificate in TLS', async () => {
    const { enrolled, byHeader } = stage();
    const { device } = await enrolled();
    const uuid = `header ${device.enrollmentId}`;
    await enqueue(byHeader.server, [device.enrollmentId], aCommand(uuid));
    expect(await device.channel.connect()).toHaveLength(1);
    expect(await resultsOf(byHeader.server, device.enrollmentId)).toMatchObject([
      { uuid, status: 'Acknowledged' },
    ]);
  });

  it('takes a certificate that comes with its chain', async () => {
    const { branch, newIdentity, newDevice, byHeader } = stage();
    const own = await newIdentity({ issuer: branch.authority, intermediates: branch.chain });
    await newDevice(byHeader, own, own).enrol();
  });

  it('leaves certificates of another authority to the server, which refuses them', async () => {
    const { newIdentity, newDevice, byHeader } = stage();
    const foreign = await newIdentity({ issuer: await makeAuthority({ commonName: 'other' }) });
    const from = byHeader.server.log.length;
    const reply = await newDevice(byHeader, foreign, foreign).authenticate();
    expect(reply.status).toBe(400);
    expect(refusalsSince(byHeader.server, from)).toEqual(['untrusted']);
  });

  it('hands nothing on for who shows no certificate, and the signature is not looked at', async () => {
    const { enrolled, outside, byHeader } = stage();
    const { device, own } = await enrolled();
    const body = idle(device);
    const from = byHeader.server.log.length;
    const { status } = await outside.send(byHeader.proxy, { headers: signedBy(own, body), body });
    expect(status).toBe(400);
    expect(refusalsSince(byHeader.server, from)).toEqual(['missing-certificate']);
  });

  it('never hands on a certificate header that a client wrote', async () => {
    const { enrolled, outside, byHeader, kind } = stage();
    const { certHeader } = kind;
    const { device, own } = await enrolled();
    const body = idle(device);
    for (const form of forms(own)) {
      const spoofs: Record<string, string | string[]>[] = [
        { [certHeader]: form },
        { [certHeader.toLowerCase()]: form },
        { [certHeader.replaceAll('-', '_')]: form },
        { 'Client-Cert': form, 'X-Client-Cert': form },
        { [certHeader]: [form, form] },
        // What a client calls its own connection's is dropped by proxies, at some stage.
        { [certHeader]: form, Connection: `close, ${certHeader}` },
      ];
      for (const headers of spoofs) {
        const from = byHeader.server.log.length;
        const { status } = await outside.send(byHeader.proxy, { headers, body });
        const got = [status, ...refusalsSince(byHeader.server, from)];
        expect(got, JSON.stringify(headers)).toEqual([400, 'missing-certificate']);
      }
    }
  });

  it('puts the certificate of TLS in place of one that a client wrote', async () => {
    const { enrolled, outside, byHeader, kind } = stage();
    const victim = await enrolled();
    const other = await enrolled();
    for (const form of forms(victim.own)) {
      const shown = { identity: other.own, headers: { [kind.certHeader]: form } };
      const from = byHeader.server.log.length;
      const asVictim = await outside.send(byHeader.proxy, { ...shown, body: idle(victim.device) });
      expect(asVictim.status).toBe(409);
      expect(refusalsSince(byHeader.server, from)).toEqual(['certificate-not-bound']);
      const asItself = await outside.send(byHeader.proxy, { ...shown, body: idle(other.device) });
      expect(asItself.status).toBe(200);
    }
  });

  it('does the same over HTTP/2', async () => {
    const { enrolled, outside, byHeader, kind } = stage();
    const { device, own } = await enrolled();
    const body = idle(device);
    const poll = async (identity: Identity | null) => {
      const session = connectHttp2(byHeader.proxy.url, outside.tls(identity));
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
    expect(await poll(null)).toBe(400);
    expect(await poll(own)).toBe(200);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'knows the certificate again in a resumed session (%s)',
    async (version) => {
      const { enrolled, outside, byHeader } = stage();
      const { device, own } = await enrolled();
      const limits = { minVersion: version, maxVersion: version, servername: 'localhost' };
      const session = await new Promise<Buffer>((resolve, reject) => {
        const { port } = byHeader.proxy;
        const tls = { ...outside.tls(own), ...limits, host: 'localhost', port };
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
      const poll = { identity: own, tls, body: idle(device) };
      const { status, resumed } = await outside.send(byHeader.proxy, poll);
      expect([status, resumed]).toEqual([200, true]);
    },
  );

  it('lets a device enrol by its signature, without a certificate in TLS or whatever it is', async () => {
    const { newIdentity, newDevice, bySignature } = stage();
    for (const shown of [null, await newIdentity()]) {
      const device = newDevice(bySignature, await newIdentity(), shown);
      await device.enrol();
      expect(await device.channel.poll()).toBeNull();
      const row = await enrollmentOf(bySignature.server, device.enrollmentId);
      expect(row).toMatchObject({ enabled: true });
    }
  });

  it('passes a signature of more than 8 KB on', async () => {
    const { newIdentity, newDevice, bySignature } = stage();
    const intermediates = await Promise.all(
      Array.from({ length: 9 }, async (_, number) => {
        const commonName = `${number} ${'x'.repeat(600)}`;
        return (await makeAuthority({ commonName })).certificate;
      }),
    );
    const own = await newIdentity({ intermediates });
    const device = newDevice(bySignature, own, null);
    expect(signedBy(own, idle(device))['Mdm-Signature']?.length).toBeGreaterThan(8_192);
    await device.enrol();
  });
}
