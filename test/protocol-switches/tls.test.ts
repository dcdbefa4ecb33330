import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Authority,
  type Identity,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { checkInType, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';

let folder: string;
let authority: Authority;
let server: TestServer;
let cert: string;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'graphmdm-tls-'));
  [cert, key] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  authority = await makeAuthority({ commonName: 'TLS authority' });
  const pair = serverPair('first');
  writeFileSync(cert, pair.certificate);
  writeFileSync(key, pair.key);
  server = await startServer({
    flags: ['--tls-cert', cert, '--tls-key', key, '--tls-client-auth'],
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A certificate of localhost, as PEM, with its key. */
function serverPair(commonName: string): { readonly certificate: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const der = issueCertificate({
    subject: { commonName },
    publicKey,
    issuer: readCertificate(authority.certificate),
    issuerKey: authority.key,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    keyUsage: ['digitalSignature'],
  });
  return {
    certificate: certificatePem(der),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

function asClient(identity: Identity | null): ConnectionOptions & RequestOptions {
  return {
    ca: certificatePem(authority.certificate),
    // The test certificates name no address; whose they are is not what is tested here.
    checkServerIdentity: () => undefined,
    ...(identity && {
      cert: certificatePem(identity.certificate),
      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
    }),
  };
}

/** Sends one message over a connection of its own. */
function send(
  message: PlistDict,
  identity: Identity | null,
  headers: Readonly<Record<string, string>> = {},
  more: ConnectionOptions = {},
): Promise<{ readonly status: number; readonly socket: TLSSocket }> {
  const body = buildPlist(message);
  const type = message['MessageType'] === undefined ? {} : { 'Content-Type': checkInType };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...asClient(identity),
        ...more,
        agent: false,
        host: '127.0.0.1',
        port: server.port,
        path: '/mdm',
        method: 'PUT',
        headers: { ...type, ...headers, 'Content-Length': body.length },
      },
      (reply) => {
        const socket = reply.socket as TLSSocket;
        reply.resume().on('end', () => resolve({ status: reply.statusCode ?? 0, socket }));
      },
    );
    sent.on('error', reject).end(body);
  });
}

/** The common name of the certificate that the server shows to a new connection. */
function shown(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...asClient(null), host: '127.0.0.1', port: server.port }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    socket.on('error', reject);
  });
}

/** Resolves once the log has a line of this text after its first `from`. */
async function logged(text: string, from: number): Promise<void> {
  while (!server.log.slice(from).some(({ msg }) => msg === text)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a server that ends TLS itself', () => {
  it('takes a device’s client certificate for its proof, without a signature', async () => {
    const { identity } = await server.device(1);
    const authenticate = { MessageType: 'Authenticate', UDID: 'TLS-1', Topic: 't' };
    expect((await send(authenticate, identity)).status).toBe(200);
    expect((await send({ UDID: 'TLS-1', Status: 'Idle' }, identity)).status).toBe(200);
  });

  it('takes a signature from who shows no certificate, and nothing from who has neither', async () => {
    const { identity } = await server.device(2);
    const message = { MessageType: 'Authenticate', UDID: 'TLS-2', Topic: 't' };
    const signature = signedBy(identity, buildPlist(message));
    expect((await send(message, null, signature)).status).toBe(200);
    expect((await send({ UDID: 'TLS-2', Status: 'Idle' }, null)).status).toBe(400);
  });

  it('refuses a certificate that is not the device’s, or of another authority', async () => {
    const owner = (await server.device(3)).identity;
    await send({ MessageType: 'Authenticate', UDID: 'TLS-3', Topic: 't' }, owner);
    const other = (await server.device(4)).identity;
    const idle = { UDID: 'TLS-3', Status: 'Idle' };
    expect((await send(idle, other)).status).toBe(409);
    const foreign = await issueIdentity(await makeAuthority(), { commonName: 'x' });
    // Also with a good signature: what TLS proved goes first.
    const signature = signedBy(owner, buildPlist(idle));
    expect((await send(idle, foreign, signature)).status).toBe(400);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'knows the device again in a resumed session (%s)',
    async (version) => {
      const own = await issueIdentity(server.authority, { commonName: version });
      const limits = { minVersion: version, maxVersion: version };
      let session: Buffer | undefined;
      await new Promise<void>((resolve, reject) => {
        const socket = connect(
          { ...asClient(own), ...limits, host: '127.0.0.1', port: server.port },
          () => socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
        );
        socket.on('session', (one) => {
          session = one;
        });
        socket
          .on('error', reject)
          .on('close', () => resolve())
          .resume();
      });
      const authenticate = { MessageType: 'Authenticate', UDID: `TLS-${version}`, Topic: 't' };
      const { status, socket } = await send(
        authenticate,
        own,
        {},
        {
          ...limits,
          ...(session && { session }),
        },
      );
      expect([status, socket.isSessionReused()]).toEqual([200, true]);
    },
  );

  it('uses renewed files from the next connection on, and not before both fit', async () => {
    expect(await shown()).toBe('first');
    const next = serverPair('second');
    let from = server.log.length;
    writeFileSync(cert, next.certificate);
    await logged('changed TLS files are not used yet', from);
    expect(await shown()).toBe('first');
    from = server.log.length;
    writeFileSync(key, next.key);
    await logged('TLS certificate reloaded', from);
    expect(await shown()).toBe('second');
  });

  it('notices files that are put in place of the old ones, again and again, and turned links', async () => {
    for (const name of ['third', 'fourth', 'fifth']) {
      const from = server.log.length;
      const { certificate, key: itsKey } = serverPair(name);
      writeFileSync(`${cert}.${name}`, certificate);
      writeFileSync(`${key}.${name}`, itsKey);
      for (const file of [cert, key]) {
        if (name === 'fifth') symlinkSync(`${file}.${name}`, `${file}.link`);
        renameSync(name === 'fifth' ? `${file}.link` : `${file}.${name}`, file);
      }
      await logged('TLS certificate reloaded', from);
      expect(await shown()).toBe(name);
    }
  });

  it('does not start with a certificate and a key that are not a pair, or with one only', async () => {
    const one = join(folder, 'other.pem');
    writeFileSync(one, serverPair('other').certificate);
    const tries: readonly [flags: string[], told: RegExp][] = [
      [['--tls-cert', one, '--tls-key', key], /--tls-cert and --tls-key cannot be used/],
      [['--tls-cert', join(folder, 'absent'), '--tls-key', key], /--tls-cert.*ENOENT/],
      [['--tls-cert', cert], /both --tls-cert and --tls-key/],
      [['--tls-key', key], /both --tls-cert and --tls-key/],
      [['--tls-client-auth'], /both --tls-cert and --tls-key/],
    ];
    for (const [flags, told] of tries) await expect(startServer({ flags })).rejects.toThrow(told);
  });
});
