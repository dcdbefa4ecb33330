import { generateKeyPairSync, createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  makePushAuthority,
  makePushCertificate,
} from '../../clients/simulator/apns/push-certificates.ts';
import { everyNth } from '../../clients/simulator/apns/script.ts';
import type { PushIdentity } from '../../server/apns/push-identity.ts';
import { pushEach } from '../../server/apns/push-each.ts';
import { turnedClock } from '../events/turned-clock.ts';
import { aPush, pushService, topic } from './push-service.ts';
import { arrivals, gate, tally } from './waits.ts';

const minutes = 60_000;

describe('another certificate', () => {
  it('is shown by the next push, while what was sent with the old one is still answered', async () => {
    const service = await pushService();
    const { apns, standIn } = service;
    const slow = gate();
    standIn.rules.push((_push, number) =>
      number <= 5 ? { do: 'accept', after: slow.opened } : undefined,
    );
    const five = arrivals(standIn, 5);
    const early = Promise.all(Array.from({ length: 5 }, () => apns.push(aPush())));
    await five;
    service.identity = { version: '2', ...(await makePushCertificate(standIn.authority, topic)) };
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(standIn.connections()).toBe(2);
    slow.open();
    expect(tally(await early)).toEqual({ accepted: 5 });
  });

  it('in the middle of many pushes loses and doubles none', async () => {
    const service = await pushService({ standIn: { maxConcurrentStreams: 20 } });
    const { apns, standIn } = service;
    const second = await makePushCertificate(standIn.authority, topic);
    standIn.rules.push((_push, number) => {
      if (number % 50 === 0) service.identity = { version: String(number), ...second };
      return undefined;
    });
    const pushes = Array.from({ length: 500 }, () => aPush());
    const kinds = new Set<string>();
    await pushEach(apns, pushes, (_push, outcome) => void kinds.add(outcome.kind), 100);
    expect([...kinds]).toEqual(['accepted']);
    expect(new Set(standIn.pushes.map(({ token }) => token)).size).toBe(500);
    expect(standIn.pushes).toHaveLength(500);
    expect(standIn.connections()).toBeGreaterThan(9);
  });

  it('is not put back by an older answer that comes later', async () => {
    const service = await pushService();
    const old = service.identity;
    const renewed: PushIdentity = {
      version: '2',
      ...(await makePushCertificate(service.standIn.authority, topic)),
    };
    const late = gate();
    const answers = [late.opened.then(() => old), Promise.resolve(renewed)];
    const fresh = await pushService({
      apns: {
        url: service.standIn.url,
        ca: service.standIn.ca,
        certificateFor: () => answers.shift() ?? Promise.resolve(renewed),
      },
    });
    const first = fresh.apns.push(aPush());
    expect(await fresh.apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    late.open();
    expect(await first).toMatchObject({ kind: 'accepted' });
    expect(await fresh.apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(service.standIn.connections()).toBe(1);
  });

  it('may have its key as an object', async () => {
    const service = await pushService();
    const { certificate, key } = await makePushCertificate(service.standIn.authority, topic, {
      key: 'rsa',
    });
    service.identity = { version: '2', certificate, key: createPrivateKey(key) };
    expect(await service.apns.push(aPush())).toMatchObject({ kind: 'accepted' });
  });
});

describe('a certificate that is removed', () => {
  it('closes its connections, and a new one is used at once', async () => {
    const service = await pushService();
    const { apns, standIn, identity } = service;
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    service.identity = null;
    expect(await apns.push(aPush())).toMatchObject({ kind: 'no-certificate' });
    service.identity = identity;
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    expect(standIn.connections()).toBe(2);
  });
});

describe('a certificate that is not taken', () => {
  // The alerts of RFC 8446, 6.2.
  it.each([
    [45, 'expired'],
    [44, 'revoked'],
    [48, 'unknown-authority'],
    [42, 'bad-certificate'],
    [46, 'bad-certificate'],
    [116, 'bad-certificate'],
  ])('with the TLS alert %i stops the topic: %s', async (alert, problem) => {
    const clock = turnedClock();
    const service = await pushService({ apns: { clock } });
    const { apns, standIn } = service;
    standIn.alertHandshakes(alert);
    const stopped = { kind: 'certificate-refused', status: null, problem };
    const both = await Promise.all([apns.push(aPush()), apns.push(aPush())]);
    expect(both).toMatchObject([stopped, stopped]);

    standIn.alertHandshakes(null);
    expect(await apns.push(aPush())).toMatchObject(stopped);
    expect(standIn.connections()).toBe(0);
    service.identity = { version: '2', ...(await makePushCertificate(standIn.authority, topic)) };
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
  });

  it('is tried again after five minutes', async () => {
    const clock = turnedClock();
    const { apns, standIn } = await pushService({ apns: { clock } });
    standIn.alertHandshakes(48);
    expect(await apns.push(aPush())).toMatchObject({ kind: 'certificate-refused' });
    standIn.alertHandshakes(null);
    clock.advance(5 * minutes - 1);
    expect(await apns.push(aPush())).toMatchObject({ kind: 'certificate-refused' });
    clock.advance(1);
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
  });

  it('because it has ended, or is from another authority, stops the topic', async () => {
    const authority = await makePushAuthority();
    const past = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    const certificates = [
      await makePushCertificate(authority, topic, past),
      await makePushCertificate(await makePushAuthority(), topic),
    ];
    for (const certificate of certificates) {
      const { apns, standIn } = await pushService({ standIn: { authority }, certificate });
      expect(await apns.push(aPush())).toMatchObject({
        kind: 'certificate-refused',
        status: 403,
        reason: 'BadCertificate',
        problem: 'bad-certificate',
      });
      expect(await apns.push(aPush())).toMatchObject({ kind: 'certificate-refused', status: null });
      expect(standIn.refusals).toEqual(['BadCertificate']);
    }
  });

  it('as the data of a GOAWAY say stops the topic', async () => {
    const { apns, standIn } = await pushService();
    standIn.rules.push(() => ({
      do: 'goaway',
      last: 'before',
      reason: 'BadCertificateEnvironment',
    }));
    expect(await apns.push(aPush())).toMatchObject({
      kind: 'certificate-refused',
      problem: 'bad-environment',
    });
    expect(standIn.connections()).toBe(1);
  });

  it('while many pushes wait answers all of them', async () => {
    const { apns, standIn } = await pushService({
      standIn: { maxConcurrentStreams: 5 },
      apns: { limits: { connections: 1 } },
    });
    standIn.rules.push(everyNth(50, { do: 'refuse', reason: 'BadCertificate' }));
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => apns.push(aPush())));
    const counts = tally(outcomes);
    expect(Object.keys(counts).toSorted()).toEqual(['accepted', 'certificate-refused']);
    expect(counts['accepted']).toBeLessThan(60);
  });

  it('because its key is of another, or no key, stops the topic without a connection', async () => {
    const service = await pushService();
    const { certificate } = await makePushCertificate(service.standIn.authority, topic);
    const foreign = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    for (const [version, key] of [
      ['2', foreign],
      ['3', 'no key'],
    ] as const) {
      service.identity = { version, certificate, key };
      expect(await service.apns.push(aPush())).toMatchObject({
        kind: 'certificate-refused',
        problem: 'unusable',
      });
    }
    expect(service.standIn.connections()).toBe(0);
  });
});
