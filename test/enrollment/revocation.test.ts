import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renewByScep } from '../../clients/simulator/scep.ts';
import { testDatabase, type TestDatabase } from '../harness/database.ts';
import { issued, revoke } from './documents.ts';
import { type EnrollServer, keyPool, startEnrollServer } from './enroll-server.ts';
import { certificateIn, holding, requester, scepClient } from './scep-client.ts';

const [key, nextKey] = keyPool(2);
if (!key || !nextKey) throw new Error('no keys');
let store: TestDatabase;
let one: EnrollServer;
let two: EnrollServer;

beforeAll(async () => {
  store = await testDatabase();
  one = await startEnrollServer({ store });
  two = await startEnrollServer({ store });
});
afterAll(async () => {
  await two.stop();
  await one.stop();
  await store.drop();
});

async function certificateOf(der: Buffer, token?: string) {
  const sha256 = createHash('sha256').update(der).digest('hex');
  const found = await one.ask(issued, { filter: { sha256: [sha256] } }, token);
  return found.issuedCertificates.edges[0]?.node;
}

describe('a revoked certificate', () => {
  it('is refused with 400, at once here and within seconds everywhere', async () => {
    const { device } = await one.enrolBy(await one.invite({ tags: ['lab'] }), { key });
    const elsewhere = await two.device(1, { facts: device.facts, identity: device.identity });
    expect((await elsewhere.tokenUpdate()).status).toBe(200);
    const node = await certificateOf(device.identity.certificate);
    expect(node).toMatchObject({
      enrollment: { enrollmentId: device.enrollmentId },
      invitation: { tags: ['lab'] },
      revokedAt: null,
    });
    const input = { serialNumber: node?.serialNumber ?? '', reason: 'lost' };
    const { revokeIssuedCertificate } = await one.ask(revoke, { input });
    expect(revokeIssuedCertificate).toMatchObject({
      certificate: { serialNumber: node?.serialNumber, revokedReason: 'lost' },
    });
    expect((await device.tokenUpdate()).status).toBe(400);
    await expect
      .poll(() => elsewhere.tokenUpdate().then(({ status }) => status), { timeout: 10_000 })
      .toBe(400);
    expect(one.log.some(({ reason }) => reason === 'certificate-revoked')).toBe(true);
    const after = await one.ask(issued, { filter: { revoked: true } });
    expect(after.issuedCertificates.edges.map(({ node: each }) => each.serialNumber)).toContain(
      node?.serialNumber,
    );
  });

  it('renews nothing, is still refused by a server that starts anew, and stays as it was', async () => {
    const { device, profile } = await one.enrolBy(await one.invite(), { key });
    const node = await certificateOf(device.identity.certificate);
    const serialNumber = (node?.serialNumber ?? '').toUpperCase();
    await one.ask(revoke, { input: { serialNumber } });
    const renewal = renewByScep(device.identity, profile.scep, { key: nextKey });
    await expect(renewal).rejects.toThrow('badRequest');
    const later = await startEnrollServer({ store });
    const there = await later.device(1, { facts: device.facts, identity: device.identity });
    expect((await there.tokenUpdate()).status).toBe(400);
    await later.stop();
    const first = await certificateOf(device.identity.certificate);
    await one.ask(revoke, { input: { serialNumber, reason: 'twice' } });
    expect(await certificateOf(device.identity.certificate)).toEqual(first);
  });

  it('is replaced by another when its request is repeated', async () => {
    const client = await scepClient(one.url);
    const { challenge } = await one.invite();
    const who = requester(key);
    const parts = { challenge, transactionId: 'revoked' };
    const first = certificateIn(await client.ask(who, parts));
    const node = await certificateOf(first);
    await one.ask(revoke, { input: { serialNumber: node?.serialNumber ?? '' } });
    const second = certificateIn(await client.ask(who, parts));
    expect(second).not.toEqual(first);
    expect(certificateIn(await client.ask(who, parts))).toEqual(second);
    const poll = { ...parts, messageType: 'RenewalReq' } as const;
    expect(await client.ask(holding(who, first), poll)).toMatchObject({ status: 'failure' });
  });

  it('can be one of the own tenant only', async () => {
    const [mine, theirs] = [await one.token({ tenant: 5 }), await one.token({ tenant: 6 })];
    const { device } = await one.enrolBy(await one.invite({}, mine), { key });
    const der = device.identity.certificate;
    expect(await certificateOf(der, theirs)).toBeUndefined();
    const serialNumber = (await certificateOf(der, mine))?.serialNumber ?? '';
    const foreign = await one.ask(revoke, { input: { serialNumber } }, theirs);
    expect(foreign.revokeIssuedCertificate).toMatchObject({ code: 'UNKNOWN_CERTIFICATE' });
    expect((await device.tokenUpdate()).status).toBe(200);
    for (const wrong of ['', '00', 'no serial', '\0']) {
      const outcome = await one.ask(revoke, { input: { serialNumber: wrong } });
      expect(outcome.revokeIssuedCertificate).toMatchObject({ code: 'UNKNOWN_CERTIFICATE' });
    }
  });
});
