import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificatePem } from '../../clients/simulator/identity.ts';
import { refusingRevoked } from '../../server/http/identify.ts';
import { createKnownCertificates } from '../../server/identity/known-certificates.ts';
import { createTrust } from '../../server/identity/trust.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { fingerprintOf, refusalsSince } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { startBareServer } from './bare-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** Enrols a device under any id, and answers what sends its messages. */
async function under(number: number, UDID: string) {
  const { identity } = await server.device(number);
  const send = async (message: PlistDict) => {
    const body = buildPlist({ UDID, ...message });
    const type = message['MessageType'] === undefined ? {} : { 'Content-Type': checkInType };
    const headers = { ...type, ...signedBy(identity, body) };
    return (await sendRaw({ url: server.deviceUrl, headers, body })).status;
  };
  return { identity, send };
}

const authenticate = { MessageType: 'Authenticate', Topic: 't' };
const tokenUpdate = {
  MessageType: 'TokenUpdate',
  Topic: 't',
  Token: Buffer.from('t'),
  PushMagic: 'm',
};

describe('ids that two devices could both mean', () => {
  it('stay the user’s of the device that had it first: no device enrols under it', async () => {
    const owner = await under(1, 'OWNER');
    expect(await owner.send(authenticate)).toBe(200);
    expect(await owner.send({ ...tokenUpdate, UserID: 'A' })).toBe(200);
    const rival = await under(2, 'OWNER:A');
    const [before, from] = [await fingerprintOf(server), server.log.length];
    expect(await rival.send(authenticate)).toBe(409);
    expect(refusalsSince(server, from)).toEqual(['not-a-device']);
    expect(await fingerprintOf(server)).toEqual(before);
  });

  it('stay the device’s: no other device has a user of that id', async () => {
    expect(await (await under(3, 'TAKEN:A')).send(authenticate)).toBe(200);
    const rival = await under(4, 'TAKEN');
    expect(await rival.send(authenticate)).toBe(200);
    const [before, from] = [await fingerprintOf(server), server.log.length];
    expect(await rival.send({ ...tokenUpdate, UserID: 'A' })).toBe(409);
    expect(await rival.send({ UserID: 'A', Status: 'Idle' })).toBe(409);
    expect(await rival.send({ UserID: 'A', Status: 'Error', CommandUUID: 'c' })).toBe(409);
    expect(await rival.send({ UserID: 'A', MessageType: 'GetBootstrapToken' })).toBe(409);
    expect(refusalsSince(server, from)).toEqual(Array(4).fill('not-its-channel'));
    expect(await fingerprintOf(server)).toEqual(before);
  });
});

describe('a message', () => {
  it('that is no property list is told so in the log', async () => {
    const { identity } = await under(5, 'ANY');
    for (const type of [checkInType, 'application/x-apple-aspen-mdm']) {
      const body = Buffer.from('nonsense');
      const from = server.log.length;
      const headers = { 'Content-Type': type, ...signedBy(identity, body) };
      expect((await sendRaw({ url: server.deviceUrl, headers, body })).status).toBe(400);
      expect(refusalsSince(server, from)).toEqual(['bad-plist']);
    }
  });

  it('that is too large is told so in the log', async () => {
    const from = server.log.length;
    const body = Buffer.alloc(10 * 1024 * 1024 + 1);
    expect((await sendRaw({ url: server.deviceUrl, body })).status).toBe(413);
    expect(refusalsSince(server, from)).toEqual(['too-large']);
  });

  it('for a declarative-management server that is not named is told so in the log', async () => {
    const device = await under(6, 'DM');
    await device.send(authenticate);
    const from = server.log.length;
    expect(await device.send({ MessageType: 'DeclarativeManagement', Endpoint: 'tokens' })).toBe(
      500,
    );
    expect(refusalsSince(server, from)).toEqual(['no-declarative-management']);
  });

  it('is refused where nobody named the authority of its certificate', async () => {
    const keys = [Buffer.alloc(32, 7)];
    const trustless = await startBareServer(server.store, { keys, trusting: false });
    const device = await trustless.device(7);
    expect((await device.authenticate()).status).toBe(400);
    expect(refusalsSince(trustless, 0)).toEqual(['untrusted']);
    await trustless.stop();
  });

  it('is refused when its certificate was revoked, however that proves it', async () => {
    const device = await server.device(9);
    const certificates = createKnownCertificates({
      trust: () =>
        createTrust({ roots: [certificatePem(server.authority.certificate)], intermediates: [] }),
      cacheSize: 1,
      verdicts: 1,
    });
    const { certificate: der } = device.identity;
    const anyProof = {
      needsBody: false,
      certificate: () => certificates.trusted(der, [], new Date()).verified,
    };
    const sha256 = createHash('sha256').update(der).digest();
    for (const [revoked, expected] of [
      [sha256, { status: 400, code: 'certificate-revoked' }],
      [Buffer.alloc(32), { sha256 }],
    ] as const) {
      const identify = refusingRevoked(anyProof, (hash) => hash.equals(revoked));
      const outcome = new Promise((resolve) => {
        const app = new Koa().use((ctx) => {
          try {
            resolve(identify.certificate(ctx, Buffer.alloc(0), new Date()));
          } catch (error) {
            resolve(error);
          }
        });
        const listener = app.listen(0, '127.0.0.1', () => {
          const { port } = listener.address() as AddressInfo;
          void sendRaw({ url: `http://127.0.0.1:${port}/` }).then(() => listener.close());
        });
      });
      expect(await outcome).toMatchObject(expected);
    }
  });

  it('is answered 503 while the database is away, and taken once it is back', async () => {
    const device = await server.device(8);
    await device.enrol();
    // A lock that is held for longer than a device's statement may take looks the same to it.
    const client = await server.store.database.graph.connect();
    try {
      await client.query('begin');
      await client.query('lock table enrollment in access exclusive mode');
      const body = buildPlist({ ...device.channel.identifiers, Status: 'Idle' });
      const headers = signedBy(device.identity, body);
      const reply = await sendRaw({ url: server.deviceUrl, headers, body });
      expect([reply.status, reply.headers['retry-after']]).toEqual([503, '30']);
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect(await device.channel.poll()).toBeNull();
  });
});
