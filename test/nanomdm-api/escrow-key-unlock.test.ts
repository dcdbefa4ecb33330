import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { topic } from '../push/push-server.ts';
import { unlock } from './documents.ts';
import { type NanomdmServer, startNanomdmServer } from './nanomdm-server.ts';

const escrowKey = 'PLANTED-ESCROW-KEY-+/=';
const input = {
  topic,
  serialNumber: 'C01',
  productType: 'iPad8,1',
  imei: '35 1',
  organizationName: 'Ex & Co',
  guid: 'guid',
  escrowKey,
};
const form = new URLSearchParams({
  ...{ topic, serial: 'C01', productType: 'iPad8,1', imei: '35 1' },
  ...{ orgName: 'Ex & Co', guid: 'guid', escrowKey },
}).toString();

describe('lifting an Activation Lock by an escrow key', () => {
  let server: NanomdmServer;

  beforeAll(async () => {
    server = await startNanomdmServer();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.escrow.answer = { status: 200, body: '{"code":"200"}' };
  });

  it('asks Apple by the certificate of the topic, and answers what Apple said', async () => {
    const before = server.escrow.requests.length;
    const { escrowKeyUnlock: done } = await server.ask(unlock, { input });
    expect(done).toMatchObject({ unlocked: true, status: 200, body: '{"code":"200"}' });
    server.escrow.answer = { status: 409, body: '{"code":"NOT_LOCKED"}' };
    const { escrowKeyUnlock: refused } = await server.ask(unlock, { input });
    expect(refused).toMatchObject({ unlocked: false, status: 409, body: '{"code":"NOT_LOCKED"}' });
    expect(server.escrow.requests.slice(before)).toMatchObject(
      Array.from({ length: 2 }, () => ({
        topic,
        query: { serial: 'C01', productType: 'iPad8,1', imei: '35 1' },
        form: { orgName: 'Ex & Co', guid: 'guid', escrowKey },
      })),
    );
  });

  it('works through the form of NanoMDM, with Apple’s status, body and type', async () => {
    server.escrow.answer = { status: 404, body: '{"code":"UNKNOWN"}' };
    for (const method of ['PUT', 'POST']) {
      const answer = await server.call('/v1/escrowkeyunlock', { method, body: form });
      expect(answer).toMatchObject({ status: 404, text: '{"code":"UNKNOWN"}' });
      expect(answer.headers.get('content-type')).toBe('application/json');
    }
    expect(server.escrow.requests.at(-1)?.form).toEqual({
      ...{ orgName: 'Ex & Co', guid: 'guid', escrowKey },
    });
    for (const [body, status, error] of [
      ['serial=C01', 400, 'empty topic'],
      [form.replace('guid=guid', 'guid='), 400, 'invalid or missing parameters'],
      [form.replace(topic, 'com.apple.mgmt.none'), 500, 'There is no push certificate for'],
    ] as const) {
      const answer = await server.call('/v1/escrowkeyunlock', { body });
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.text).error).toContain(error);
    }
  });

  it('is asked once for each idempotency key', async () => {
    const keyed = { ...input, idempotencyKey: 'once' };
    const { escrowKeyUnlock: first } = await server.ask(unlock, { input: keyed });
    const asked = server.escrow.requests.length;
    const { escrowKeyUnlock: again } = await server.ask(unlock, { input: keyed });
    expect(again).toEqual({ ...first, replayed: true });
    const { escrowKeyUnlock: other } = await server.ask(unlock, {
      input: { ...keyed, escrowKey: 'another' },
    });
    expect(other).toMatchObject({ __typename: 'ConflictError', code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(server.escrow.requests.length).toBe(asked);
    const failing = { ...input, topic: 'com.apple.mgmt.none', idempotencyKey: 'free' };
    await server.ask(unlock, { input: failing });
    const { escrowKeyUnlock: freed } = await server.ask(unlock, {
      input: { ...input, idempotencyKey: 'free' },
    });
    expect(freed).toMatchObject({ unlocked: true, replayed: false });
  });

  it('tells what is wrong as a type', async () => {
    const { escrowKeyUnlock: empty } = await server.ask(unlock, {
      input: { ...input, serialNumber: '' },
    });
    expect(empty).toMatchObject({ code: 'EMPTY', path: ['input', 'serialNumber'] });
    const foreign = await server.token(7);
    const { escrowKeyUnlock: notTheirs } = await server.ask(unlock, { input }, foreign);
    expect(notTheirs).toMatchObject({ __typename: 'NotFoundError', code: 'UNKNOWN_TOPIC' });
  });

  it('is on record without the key, and is in no log', async () => {
    const entries = await server.sql(
      `select actor, action, details from audit_entry where action like 'escrowKeyUnlock%'
       and actor = 'nanomdm-api' order by key limit 2`,
    );
    const device = { topic, serial: 'C01', productType: 'iPad8,1' };
    expect(entries).toEqual([
      { actor: 'nanomdm-api', action: 'escrowKeyUnlock', details: device },
      {
        actor: 'nanomdm-api',
        action: 'escrowKeyUnlockAnswered',
        details: { ...device, status: 404 },
      },
    ]);
    const stored = await server.sql(
      'select a::text from audit_entry a union all select i::text from idempotent_request i',
    );
    expect(JSON.stringify([stored, server.log])).not.toContain('PLANTED-ESCROW-KEY');
  });

  it('fails in words when the service is away, and leaves the key free', async () => {
    await server.escrow.close();
    const keyed = { ...input, idempotencyKey: 'away' };
    for (let times = 0; times < 2; times++) {
      const { escrowKeyUnlock: away } = await server.ask(unlock, { input: keyed });
      expect(away).toMatchObject({ __typename: 'ConflictError', code: 'APPLE_UNREACHABLE' });
    }
    const answer = await server.call('/v1/escrowkeyunlock', { body: form });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text).error).toContain('gave no answer');
  });
});
