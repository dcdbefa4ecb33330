import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Reason } from '../../clients/simulator/apns/reasons.ts';
import { documentedReasons } from '../../clients/simulator/apns/reasons.ts';
import { outcomeOf } from '../../server/apns/answer.ts';
import type { PushOutcome } from '../../server/apns/outcome.ts';
import { isAboutToken, isRetryable, stopsTopic } from '../../server/apns/outcome.ts';
import { aPush, pushService } from './push-service.ts';

const kinds: Readonly<Partial<Record<Reason, PushOutcome['kind']>>> = {
  BadDeviceToken: 'bad-device-token',
  DeviceTokenNotForTopic: 'device-token-not-for-topic',
  TopicDisallowed: 'topic-disallowed',
  IdleTimeout: 'transient',
  BadCertificate: 'certificate-refused',
  BadCertificateEnvironment: 'certificate-refused',
  MissingProviderToken: 'certificate-refused',
  ExpiredToken: 'unregistered',
  Unregistered: 'unregistered',
  TooManyProviderTokenUpdates: 'too-many-requests',
  TooManyRequests: 'too-many-requests',
  InternalServerError: 'transient',
  ServiceUnavailable: 'transient',
  Shutdown: 'transient',
};

describe('the outcome of a push', () => {
  it('is "accepted" with the id under which it was sent', async () => {
    const { apns, standIn } = await pushService();
    const outcome = await apns.push(aPush());
    expect(outcome).toEqual({
      kind: 'accepted',
      status: 200,
      apnsId: standIn.pushes[0]?.apnsId,
    });
  });

  it.each(documentedReasons)(
    'says %i %s with its kind, status and reason',
    async (status, reason) => {
      const { apns, standIn } = await pushService();
      standIn.rules.push(() => ({ do: 'refuse', reason }));
      const outcome = await apns.push(aPush());
      expect(outcome).toMatchObject({ kind: kinds[reason] ?? 'rejected', status, reason });
      expect(outcome.apnsId).toMatch(/^[\da-f-]{36}$/);
      expect(isRetryable(outcome)).toBe(
        status === 429 || status >= 500 || reason === 'IdleTimeout',
      );
      expect(stopsTopic(outcome)).toBe(outcome.kind === 'certificate-refused');
      expect(isAboutToken(outcome)).toBe(status === 410 || reason === 'BadDeviceToken');
    },
  );

  it('of a 410 says since when Apple knows', async () => {
    const { apns, standIn } = await pushService();
    const timestamp = new Date(1_700_000_000_000);
    standIn.rules.push(() => ({ do: 'refuse', reason: 'Unregistered', timestamp }));
    expect(await apns.push(aPush())).toMatchObject({ kind: 'unregistered', since: timestamp });
  });

  it('honours Retry-After in seconds and as a date', async () => {
    const { apns, standIn } = await pushService();
    standIn.rules.push(() => ({ do: 'refuse', reason: 'TooManyRequests', retryAfter: '7' }));
    expect(await apns.push(aPush())).toMatchObject({ retryAfter: 7000 });
    const now = new Date('2026-03-01T00:00:00Z');
    const answer = {
      status: 503,
      headers: { 'retry-after': 'Sun, 01 Mar 2026 00:00:30 GMT' },
      body: Buffer.from('{"reason":"ServiceUnavailable"}'),
    };
    expect(outcomeOf(answer, randomUUID(), now)).toMatchObject({ retryAfter: 30_000 });
  });

  it.each(['', 'null', '[]', '<html>', '{"reason":7}', '{"reason":""}'])(
    'still says the status when the body is %j',
    async (body) => {
      const { apns, standIn } = await pushService();
      standIn.rules.push(() => ({ do: 'refuse', status: 502, reason: 'none', body }));
      expect(await apns.push(aPush())).toMatchObject({
        kind: 'transient',
        status: 502,
        reason: 'HTTP 502',
      });
    },
  );

  it('of a 410 without a usable timestamp has none', () => {
    for (const body of [
      '{"reason":"Unregistered"}',
      '{"reason":"Unregistered","timestamp":1e300}',
    ]) {
      const answer = { status: 410, headers: {}, body: Buffer.from(body) };
      expect(outcomeOf(answer, randomUUID(), new Date())).toMatchObject({ since: null });
    }
  });

  it('is "no-certificate" when there is none for the topic', async () => {
    const service = await pushService();
    service.identity = null;
    expect(await service.apns.push(aPush())).toMatchObject({
      kind: 'no-certificate',
      status: null,
    });
    expect(service.standIn.connections()).toBe(0);
  });

  it('is transient when the certificate cannot be read now', async () => {
    const { apns } = await pushService({
      apns: { certificateFor: () => Promise.reject(new Error('database is away')) },
    });
    expect(await apns.push(aPush())).toMatchObject({ kind: 'transient', mayHaveArrived: false });
  });
});

describe('a push', () => {
  it('carries what Apple wants, and lives for 24 hours unless told otherwise', async () => {
    const { apns, standIn } = await pushService();
    const before = Math.floor(Date.now() / 1000);
    const token = Buffer.from('AB'.repeat(32), 'hex');
    await apns.push(aPush({ token, pushMagic: 'a "quoted" \\ magic\n\u2028' }));
    await apns.push(aPush({ expiresAt: new Date(5_000_000), priority: 5 }));
    expect(standIn.refusals).toEqual([]);
    const [first, second] = standIn.pushes;
    expect(first).toMatchObject({
      token: 'ab'.repeat(32),
      magic: 'a "quoted" \\ magic\n\u2028',
      priority: '10',
    });
    expect(Number(first?.expiresAt) / 1000).toBeGreaterThanOrEqual(before + 86_400);
    expect(Number(first?.expiresAt) / 1000).toBeLessThan(before + 86_400 + 60);
    expect(second).toMatchObject({ expiresAt: new Date(5_000_000), priority: '5' });
  });

  it('is refused by the stand-in as by Apple when the token is malformed or of another topic', async () => {
    const known = aPush();
    const foreign = aPush();
    const topics = new Map([
      [known.token.toString('hex'), known.topic],
      [foreign.token.toString('hex'), 'com.apple.mgmt.External.other'],
    ]);
    const { apns, standIn } = await pushService({
      standIn: { topicOfToken: (token) => topics.get(token) },
    });
    const kindOf = async (push: typeof known) => (await apns.push(push)).kind;
    expect(await kindOf(known)).toBe('accepted');
    expect(await kindOf(foreign)).toBe('device-token-not-for-topic');
    expect(await kindOf(aPush())).toBe('bad-device-token');
    expect(await kindOf(aPush({ token: Buffer.from('short') }))).toBe('bad-device-token');
    expect(await kindOf(aPush({ topic: 'com.apple.mgmt.External.wrong' }))).toBe(
      'topic-disallowed',
    );
    expect(await kindOf(aPush({ token: Buffer.alloc(0) }))).toBe('rejected');
    expect(await kindOf(aPush({ pushMagic: 'x'.repeat(5000) }))).toBe('rejected');
    expect(standIn.refusals).toEqual([
      'BadDeviceToken',
      'TopicDisallowed',
      'MissingDeviceToken',
      'PayloadTooLarge',
    ]);
  });
});
