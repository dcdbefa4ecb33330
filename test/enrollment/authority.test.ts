import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { certificatePem, issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { serverLane, testDatabase } from '../harness/database.ts';
import { startServer } from '../harness/server.ts';
import { authority, importAuthority, renewAuthority } from './documents.ts';
import {
  type EnrollServer,
  keyPool,
  rsaKey,
  shiftedClock,
  startEnrollServer,
  topic,
} from './enroll-server.ts';
import { certificateIn, requester, scepClient } from './scep-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'graphmdm-authority-'));
const [key, secondKey] = keyPool(2);
if (!key || !secondKey) throw new Error('no keys');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const running: EnrollServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0).toReversed()) await server.stop();
});

async function start(...options: Parameters<typeof startEnrollServer>): Promise<EnrollServer> {
  const server = await startEnrollServer(...options);
  running.push(server);
  return server;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function generationsOf(server: EnrollServer) {
  return (await server.ask(authority, {})).deviceAuthority?.generations ?? [];
}

describe('the device authority', () => {
  it('is made once by two servers that start at the same moment, and kept', async () => {
    const store = await testDatabase(serverLane());
    try {
      const [one, two] = await Promise.all([start({ store }), start({ store })]);
      const [first] = await generationsOf(one);
      expect(await generationsOf(two)).toEqual([first]);
      expect(first).toMatchObject({ generation: 1, origin: 'MADE', createdBy: 'system' });
      for (const server of running.splice(0)) await server.stop();
      expect(await generationsOf(await start({ store }))).toEqual([first]);
    } finally {
      for (const server of running.splice(0)) await server.stop();
      await store.drop();
    }
  });
});

describe('the device authority', () => {
  it('has its key sealed in the database', async () => {
    const server = await start();
    const { rows } = await server.store.database.graph.query('select key from device_authority');
    const stored: Buffer = rows[0].key;
    // PKCS #8 of RSA-2048 has more than 1,200 octets and names its algorithm.
    expect(stored.length).toBeGreaterThan(1_200);
    expect(stored.includes(Buffer.from('06092a864886f70d010101', 'hex'))).toBe(false);
  });

  it('is of RSA 2048 unless P-256 is asked for, which shows an RSA one beside it', async () => {
    const rsa = await scepClient((await start()).url);
    expect(rsa.authorities).toHaveLength(1);
    const server = await start({ flags: ['--device-ca-key-kind', 'ec'] });
    const ec = await scepClient(server.url);
    expect(ec.authorities).toHaveLength(2);
    const invited = await server.invite();
    await server.enrolBy(invited, { key });
  });

  it('is not there when other authorities are named, and beside them when asked for', async () => {
    const without = await startServer();
    expect((await fetch(`${without.url}/scep?operation=GetCACaps`)).status).toBe(404);
    expect((await fetch(`${without.url}/enroll/x`)).status).toBe(404);
    await without.stop();
    const both = await start({ ownAuthority: false, flags: ['--device-ca'] });
    await both.enrolBy(await both.invite(), { key });
    const identity = await issueIdentity(both.authority, { commonName: 'elsewhere' });
    await (await both.device(1, { identity, facts: deviceFacts(1, { topic }) })).enrol();
  });

  it('says so when it is switched off although it has issued', async () => {
    const store = await testDatabase();
    await (await startEnrollServer({ store })).stop();
    const off = await startServer({ store });
    const warnings = off.log.filter(({ level }) => level === 'warn');
    expect(JSON.stringify(warnings)).toContain('--device-ca');
    await off.stop();
    await store.drop();
  });
});

describe('an authority of one’s own', () => {
  const file = (name: string, content: string | Buffer) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  it('is taken over from PEM, whatever the order, once', async () => {
    const own = await makeAuthority({ key: 'rsa', commonName: 'Our CA' });
    const keyPem = own.key.export({ format: 'pem', type: 'pkcs8' }).toString();
    const path = file('own.pem', keyPem + certificatePem(own.certificate));
    const store = await testDatabase();
    const flags = ['--device-ca-file', path];
    const server = await start({ store, flags });
    expect(await generationsOf(server)).toMatchObject([
      { generation: 1, origin: 'IMPORTED', sha256: sha256(own.certificate) },
    ]);
    const { device } = await server.enrolBy(await server.invite(), { key });
    expect(readCertificate(device.identity.certificate).issuerDer).toEqual(
      readCertificate(own.certificate).subjectDer,
    );
    await running.pop()?.stop();
    expect(await generationsOf(await start({ store, flags }))).toHaveLength(1);
    await running.pop()?.stop();
    await store.drop();
  });

  it('is taken over from PKCS #12 with its password', async () => {
    const own = await makeAuthority({ key: 'rsa', commonName: 'Our CA' });
    const keyPem = own.key.export({ format: 'pem', type: 'pkcs1' }).toString();
    const asn1 = forge.pkcs12.toPkcs12Asn1(
      forge.pki.privateKeyFromPem(keyPem),
      [forge.pki.certificateFromPem(certificatePem(own.certificate))],
      'pass word',
      { algorithm: '3des' },
    );
    const path = file('own.p12', Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary'));
    const server = await start({
      flags: ['--device-ca-file', path, '--device-ca-password', 'pass word'],
    });
    expect(await generationsOf(server)).toMatchObject([{ sha256: sha256(own.certificate) }]);
    const wrong = startEnrollServer({ flags: ['--device-ca-file', path] });
    await expect(wrong).rejects.toThrow('--device-ca-file');
  });

  it('is refused at start when it is none', async () => {
    const own = await makeAuthority({ key: 'rsa' });
    const other = rsaKey().export({ format: 'pem', type: 'pkcs8' }).toString();
    const leaf = await issueIdentity(own, { commonName: 'leaf', key: 'rsa' });
    const leafKey = leaf.key.export({ format: 'pem', type: 'pkcs8' }).toString();
    for (const [name, content, why] of [
      ['mismatch.pem', certificatePem(own.certificate) + other, 'does not belong'],
      ['leaf.pem', certificatePem(leaf.certificate) + leafKey, 'not one of an authority'],
      ['nothing.pem', 'nothing', 'PKCS #12'],
    ] as const) {
      const attempt = startEnrollServer({ flags: ['--device-ca-file', file(name, content)] });
      await expect(attempt, name).rejects.toThrow(why);
    }
    const missing = startEnrollServer({ flags: ['--device-ca-file', join(folder, 'missing')] });
    await expect(missing).rejects.toThrow('cannot be read');
  });
});

describe('a renewal of the device authority', () => {
  it('issues once all processes know it; devices of before stay, everywhere', async () => {
    const clock = shiftedClock();
    const store = await testDatabase();
    const one = await start({ store, clock });
    const two = await start({ store, clock });
    const { device: early } = await one.enrolBy(await one.invite(), { key });
    const made = await one.ask(renewAuthority, { input: { idempotencyKey: 'renewal' } });
    expect(made.renewDeviceAuthority).toMatchObject({
      replayed: false,
      generation: { generation: 2, origin: 'RENEWED' },
    });
    const again = await one.ask(renewAuthority, { input: { idempotencyKey: 'renewal' } });
    expect(again.renewDeviceAuthority).toMatchObject({
      replayed: true,
      generation: { generation: 2 },
    });
    const client = await scepClient(one.url);
    const { challenge } = await one.invite({ useLimit: null });
    const issuerOf = async (transactionId: string) => {
      const der = certificateIn(await client.ask(requester(key), { challenge, transactionId }));
      return readCertificate(der).issuerDer;
    };
    const [newest, oldest] = (await generationsOf(one)).map(
      ({ certificate }) => readCertificate(Buffer.from(certificate, 'base64')).subjectDer,
    );
    expect(await issuerOf('settling')).toEqual(oldest);
    clock.ahead = 11_000;
    expect(await issuerOf('settled')).toEqual(newest);

    const { device: late } = await one.enrolBy(await one.invite(), { key: secondKey });
    expect(readCertificate(late.identity.certificate).issuerDer).toEqual(newest);
    await expect.poll(() => late.tokenUpdate().then(({ status }) => status)).toBe(200);
    const elsewhere = await two.device(2, {
      facts: late.facts,
      identity: late.identity,
    });
    await expect
      .poll(() => elsewhere.tokenUpdate().then(({ status }) => status), { timeout: 10_000 })
      .toBe(200);
    expect((await early.tokenUpdate()).status).toBe(200);
    for (const server of running.splice(0).toReversed()) await server.stop();
    await store.drop();
  });

  it('answers who has a profile of the generation before', async () => {
    const clock = shiftedClock();
    const server = await start({ clock });
    const before = await scepClient(server.url);
    const { challenge } = await server.invite();
    await server.ask(renewAuthority, { input: { keyKind: 'EC' } });
    clock.ahead = 11_000;
    const der = certificateIn(await before.ask(requester(key), { challenge }));
    expect(readCertificate(der).issuerDer).not.toEqual(before.authorities[0]?.subjectDer);
  });

  it('is not for tokens of a tenant, nor without an authority', async () => {
    const server = await start();
    const token = await server.token({ tenant: 2 });
    const refused = await server.ask(renewAuthority, { input: {} }, token);
    expect(refused.renewDeviceAuthority).toMatchObject({ code: 'OPERATOR_ONLY' });
    const without = await start({ ownAuthority: false });
    const none = await without.ask(renewAuthority, { input: {} });
    expect(none.renewDeviceAuthority).toMatchObject({ code: 'NO_DEVICE_AUTHORITY' });
    expect((await without.ask(authority, {})).deviceAuthority).toBe(null);
  });
});

describe('an authority that is imported in the graph', () => {
  let server: EnrollServer;
  beforeAll(async () => {
    server = await startEnrollServer();
  });
  afterAll(() => server.stop());

  it('may be external: its devices are trusted, and nothing is issued by it', async () => {
    const external = await makeAuthority({ commonName: 'Elsewhere' });
    const identity = await issueIdentity(external, { commonName: 'device' });
    const device = await server.device(3, { identity, facts: deviceFacts(3, { topic }) });
    expect((await device.authenticate()).status).toBe(400);
    const input = { source: { externalPem: certificatePem(external.certificate) } };
    const done = await server.ask(importAuthority, { input });
    expect(done.importDeviceAuthority).toMatchObject({ generation: { origin: 'EXTERNAL' } });
    await device.enrol();
    const { deviceAuthority } = await server.ask(authority, {});
    expect(deviceAuthority?.issuing?.generation).toBe(1);
    const again = await server.ask(importAuthority, { input });
    expect(again.importDeviceAuthority).toMatchObject({ code: 'AUTHORITY_KNOWN' });
  });

  it('is refused when it cannot be one, with the place of what is wrong', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const own = await makeAuthority({ key: 'rsa' });
    const pem =
      certificatePem(own.certificate) +
      privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const outcome = await server.ask(importAuthority, { input: { source: { pem } } });
    expect(outcome.importDeviceAuthority).toMatchObject({
      code: 'KEY_MISMATCH',
      path: ['input', 'source', 'pem'],
    });
    const nothing = await server.ask(importAuthority, { input: { source: { pkcs12: 'AAAA' } } });
    expect(nothing.importDeviceAuthority).toMatchObject({ code: 'PKCS12_UNREADABLE' });
  });
});
