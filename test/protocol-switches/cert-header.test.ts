import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Identity,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { refusalsSince } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';

let server: TestServer;
let identity: Identity;

beforeAll(async () => {
  server = await startServer({ flags: ['--cert-header', 'X-Client-Cert'] });
  ({ identity } = await server.device(1));
  expect(await send(authenticate, { 'x-client-cert': rfc9440(identity) })).toBe(200);
});
afterAll(() => server.stop());

const authenticate = buildPlist({ MessageType: 'Authenticate', UDID: 'U', Topic: 't' });
const idle = buildPlist({ UDID: 'U', Status: 'Idle' });

const rfc9440 = ({ certificate }: Identity) => `:${certificate.toString('base64')}:`;
const pem = ({ certificate }: Identity) => certificatePem(certificate);

async function send(
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  at = server,
): Promise<number> {
  const type = body === authenticate ? { 'Content-Type': checkInType } : {};
  const sent = { ...type, ...headers };
  return (await sendRaw({ url: at.deviceUrl, headers: sent, body })).status;
}

/** As AWS load balancers write it: `+`, `=` and `/` stay as they are. */
function leavingPlus(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2B', '+')
    .replaceAll('%3D', '=')
    .replaceAll('%2F', '/');
}

describe('a certificate in a header', () => {
  it.each<[form: string, value: (identity: Identity) => string]>([
    ['as RFC 9440 has it', rfc9440],
    ['as escaped PEM', (one) => encodeURIComponent(pem(one))],
    ['as escaped PEM with raw plus signs', (one) => leavingPlus(pem(one))],
    [
      'as escaped PEM with plus signs for blanks',
      (one) => encodeURIComponent(pem(one)).replaceAll('%20', '+'),
    ],
    [
      'as the first of a chain',
      (one) => encodeURIComponent(pem(one) + certificatePem(server.authority.certificate)),
    ],
  ])('is taken %s', async (_form, value) => {
    expect(await send(idle, { 'X-Client-Cert': value(identity) })).toBe(200);
  });

  it('is taken with raw plus signs whatever certificate it is', async () => {
    // Of a certificate's base64 almost every one has a plus sign in it; some of these surely do.
    const many = await Promise.all(
      Array.from({ length: 5 }, () => issueIdentity(server.authority, { commonName: 'plus' })),
    );
    expect(many.some((one) => leavingPlus(pem(one)).includes('+'))).toBe(true);
    for (const one of many) {
      const from = server.log.length;
      expect(await send(idle, { 'X-Client-Cert': leavingPlus(pem(one)) })).toBe(409);
      expect(refusalsSince(server, from)).toEqual(['certificate-not-bound']);
    }
  });

  it.each<[what: string, value: (identity: Identity) => string, reason: string]>([
    ['nothing', () => '', 'missing-certificate'],
    ['a blank', () => ' ', 'missing-certificate'],
    ['one colon only', (one) => rfc9440(one).slice(0, -1), 'bad-certificate'],
    ['two colons', () => '::', 'bad-certificate'],
    ['base64 that is cut', (one) => `${rfc9440(one).slice(0, -4)}:`, 'bad-certificate'],
    ['base64 of something else', () => ':AAAA:', 'bad-certificate'],
    [
      'PEM of a key',
      () => encodeURIComponent(pem(identity).replaceAll('CERTIFICATE', 'PRIVATE KEY')),
      'bad-certificate',
    ],
    [
      'a key before the certificate',
      (one) =>
        encodeURIComponent(
          `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${pem(one)}`,
        ),
      'bad-certificate',
    ],
    ['bad escapes', () => '%zz', 'bad-certificate'],
  ])('of %s is refused', async (_what, value, reason) => {
    const from = server.log.length;
    expect(await send(idle, { 'X-Client-Cert': value(identity) })).toBe(400);
    expect(refusalsSince(server, from)).toEqual([reason]);
  });

  it('is refused when another authority made it', async () => {
    const other = await makeAuthority({ commonName: 'graphmdm simulator CA', key: 'ec' });
    const forged = await issueIdentity(other, { commonName: identity.commonName });
    const from = server.log.length;
    expect(await send(idle, { 'X-Client-Cert': rfc9440(forged) })).toBe(400);
    expect(refusalsSince(server, from)).toEqual(['untrusted']);
  });

  it('is refused when it came twice: a proxy may have added its own to the client’s', async () => {
    for (const form of [rfc9440, (one: Identity) => encodeURIComponent(pem(one))]) {
      const from = server.log.length;
      const socket = connect(server.port, '127.0.0.1');
      const lines = ['PUT /mdm HTTP/1.1', 'Host: x', `Content-Length: ${idle.length}`];
      lines.push(`X-Client-Cert: ${form(identity)}`, `X-Client-Cert: ${form(identity)}`);
      socket.write(`${lines.join('\r\n')}\r\n\r\n${idle.toString()}`);
      const [answer] = await once(socket, 'data');
      socket.destroy();
      expect(String(answer)).toMatch(/^HTTP\/1.1 400 /);
      expect(refusalsSince(server, from)).toEqual(['bad-certificate']);
    }
  });

  it('is the only proof: a signature alone is not looked at, a wrong one does no harm', async () => {
    expect(await send(idle, signedBy(identity, idle))).toBe(400);
    const wrong = { 'Mdm-Signature': 'nonsense', 'X-Client-Cert': rfc9440(identity) };
    expect(await send(idle, wrong)).toBe(200);
  });
});

describe('a proxy that is not trusted', () => {
  it('is not believed, not even with a good signature', async () => {
    const flags = [
      '--cert-header',
      'X-Client-Cert',
      '--trusted-proxies',
      '192.0.2.0/24,2001:db8::1',
    ];
    const wary = await startServer({ flags, authority: server.authority });
    const headers = { 'X-Client-Cert': rfc9440(identity), ...signedBy(identity, authenticate) };
    expect(await send(authenticate, headers, wary)).toBe(400);
    const forwarded = { ...headers, 'X-Forwarded-For': '192.0.2.1' };
    expect(await send(authenticate, forwarded, wary)).toBe(400);
    expect(refusalsSince(wary, 0)).toEqual(['untrusted-proxy', 'untrusted-proxy']);
    await wary.stop();
  });

  it.each(['127.0.0.1', '127.0.0.0/8', '0.0.0.0/0'])('is another than %s', async (network) => {
    const flags = ['--cert-header', 'X-Client-Cert', '--trusted-proxies', `192.0.2.1,${network}`];
    const at = await startServer({ flags, authority: server.authority });
    const status = await send(authenticate, { 'X-Client-Cert': rfc9440(identity) }, at);
    await at.stop();
    expect(status).toBe(200);
  });
});

describe('without --cert-header', () => {
  it('no header is believed', async () => {
    const ordinary = await startServer({ authority: server.authority });
    const status = await send(authenticate, { 'X-Client-Cert': rfc9440(identity) }, ordinary);
    await ordinary.stop();
    expect(status).toBe(400);
  });
});
