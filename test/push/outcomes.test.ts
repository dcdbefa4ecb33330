import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Move } from '../../clients/simulator/apns/script.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { gate } from '../apns/waits.ts';
import { type Apple, startApple } from './apple.ts';
import { outcomes, pushAndWait } from './documents.ts';
import { pushables, type PushServer, startPushServer } from './push-server.ts';

const minute = 60_000;

describe('what becomes of a push', () => {
  let apple: Apple;
  let server: PushServer;
  let device: Device;
  let number = 0;

  beforeAll(async () => {
    apple = await startApple();
    server = await startPushServer(apple);
    await server.certify();
  });
  afterAll(async () => {
    await server.stop();
    await apple.close();
  });
  beforeEach(async () => {
    apple.rules.length = 0;
    number += 1;
    device = await server.device(number);
    await device.enrol();
  });

  /** What the service does with pushes to the device's present token. */
  function answer(move: Move): void {
    const token = device.pushToken.toString('hex');
    apple.rules.unshift((push) => (push.token === token ? move : undefined));
  }

  /** Pushes and waits until that is decided. @returns how it stands then */
  async function pushed(id = device.enrollmentId) {
    const { pushEnrollments: outcome } = await server.ask(pushAndWait, {
      input: {
        targets: { ids: [id] },
        channels: 'DEVICE',
        validateOnly: false,
      },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    return server.standing(id);
  }

  /** Puts the last push so far back that another is no repeat of it. */
  const later = () =>
    server.sql(
      `update push_state set claimed_at = claimed_at - interval '1 minute',
         outcome_at = outcome_at - interval '1 minute' where enrollment_key = $1`,
      [keyOf],
    );

  let keyOf: unknown;
  beforeEach(async () => {
    const [row] = await server.sql('select key from enrollment where id = $1', [
      device.enrollmentId,
    ]);
    keyOf = row?.['key'];
  });

  /** Lets the time until the next attempt pass, and waits for that attempt's outcome. */
  async function nextAttempt() {
    const after = await server.cursor();
    await server.sql(
      `update push_state set retry_at = now(), claimed_at = claimed_at - interval '1 minute',
         outcome_at = outcome_at - interval '1 minute' where enrollment_key = $1`,
      [keyOf],
    );
    for await (const { pushOutcomes: item } of server.follow(outcomes, {
      after,
      enrollments: [device.enrollmentId],
    })) {
      if (item.__typename === 'PushFailedEvent') return item;
    }
    throw new Error('the stream ended');
  }

  it('410 since before the last TokenUpdate is about the past: it is tried again', async () => {
    answer({ do: 'refuse', reason: 'Unregistered', timestamp: new Date(Date.now() - 5 * minute) });
    expect(await pushed()).toMatchObject({
      state: 'RETRYING',
      reason: 'Unregistered',
      status: 410,
    });
    apple.rules.length = 0;
    await server.sql('update push_state set retry_at = now() where enrollment_key = $1', [keyOf]);
    await apple.pushedTo(device);
  });

  it.each([
    ['410 since after the last TokenUpdate', 'Unregistered', 'UNREGISTERED'],
    ['BadDeviceToken', 'BadDeviceToken', 'BAD_DEVICE_TOKEN'],
  ] as const)(
    '%s: nothing is pushed to that token until the device sends it anew',
    async (_, reason, state) => {
      answer({ do: 'refuse', reason, timestamp: new Date(Date.now() + minute) });
      expect(await pushed()).toMatchObject({ state, reason, retryAt: null });
      const asked = apple.rules.length;
      apple.rules.length = 0;
      expect(asked).toBe(1);
      await later();
      expect(await pushed()).toMatchObject({ state });
      expect(apple.countOf(device)).toBe(0);

      await device.tokenUpdate();
      expect(await server.standing(device.enrollmentId)).toMatchObject({
        ...{ state: 'UNKNOWN', reason: null, status: null },
      });
      await later();
      expect(await pushed()).toMatchObject({ state: 'ACCEPTED' });
      expect(apple.countOf(device)).toBe(1);
    },
  );

  it('what is said of a token is not held against the one that came meanwhile', async () => {
    const { opened, open } = gate();
    const arrived = gate();
    const old = device.pushToken.toString('hex');
    apple.rules.unshift(({ token }) => {
      if (token !== old) return undefined;
      arrived.open();
      return { do: 'refuse', reason: 'BadDeviceToken', after: opened };
    });
    const outcome = pushed();
    await arrived.opened;
    device.pushToken = randomBytes(32);
    await device.tokenUpdate();
    open();
    await outcome;
    // The new one is pushed to without being asked for again.
    await apple.pushedTo(device);
  });

  it.each([
    ['DeviceTokenNotForTopic', 'DEVICE_TOKEN_NOT_FOR_TOPIC'],
    ['TopicDisallowed', 'TOPIC_DISALLOWED'],
    ['PayloadTooLarge', 'REJECTED'],
  ] as const)('%s is told, typed, and not tried again', async (reason, state) => {
    answer({ do: 'refuse', reason });
    const standing = await pushed();
    expect(standing).toMatchObject({ state, reason, retryAt: null });
    expect(standing.apnsId).not.toBeNull();
  });

  it('429 delays that device, also when it is asked for again, and no other', async () => {
    answer({ do: 'refuse', reason: 'TooManyRequests', retryAfter: '90' });
    const standing = await pushed();
    expect(standing).toMatchObject({ state: 'RETRYING', reason: 'TooManyRequests', status: 429 });
    const wait = new Date(standing.retryAt ?? 0).getTime() - Date.now();
    expect(wait).toBeGreaterThan(60_000);
    apple.rules.length = 0;
    await later();
    expect(await pushed()).toMatchObject({ state: 'RETRYING', retryAt: standing.retryAt });
    expect(apple.countOf(device)).toBe(0);
    const [other] = await pushables(server.store, [`OTHER THAN ${device.enrollmentId}`]);
    expect(await pushed(other?.id)).toMatchObject({ state: 'ACCEPTED' });
  });

  it('503 is tried again after longer and longer times, and given up after the last', async () => {
    answer({ do: 'refuse', reason: 'ServiceUnavailable' });
    expect(await pushed()).toMatchObject({ state: 'RETRYING', status: 503, attempts: 1 });
    const waits: (number | null | undefined)[] = [];
    for (let attempt = 2; attempt <= 5; attempt += 1) {
      const item = await nextAttempt();
      expect(item).toMatchObject({ outcome: 'UNAVAILABLE', attempts: attempt });
      waits.push(item.retryInSeconds);
    }
    const around = (seconds: number, wait: unknown) => {
      expect(wait).toBeGreaterThanOrEqual(Math.floor(seconds * 0.75));
      expect(wait).toBeLessThanOrEqual(Math.ceil(seconds * 1.25));
    };
    [120, 480, 1_800].forEach((seconds, at) => around(seconds, waits[at]));
    expect(waits[3]).toBeNull();
    expect(await server.standing(device.enrollmentId)).toMatchObject({
      state: 'UNAVAILABLE',
      retryAt: null,
    });
  });

  it('one that Apple took at last is well again', async () => {
    answer({ do: 'refuse', reason: 'InternalServerError' });
    await pushed();
    apple.rules.length = 0;
    await server.sql('update push_state set retry_at = now() where enrollment_key = $1', [keyOf]);
    await apple.pushedTo(device);
    let standing = await server.standing(device.enrollmentId);
    while (standing.state === 'PENDING') standing = await server.standing(device.enrollmentId);
    expect(standing).toMatchObject({ state: 'ACCEPTED', attempts: 0, reason: null, retryAt: null });
  });

  it('an enrolment without push data, or with data that cannot be opened, is told as such', async () => {
    await server.sql('update enrollment set push_token = null where key = $1', [keyOf]);
    expect(await pushed()).toMatchObject({ state: 'NO_PUSH_DATA' });
    await server.sql(
      "update enrollment set push_token = '\\x00', push_magic = '\\x00' where key = $1",
      [keyOf],
    );
    await later();
    expect(await pushed()).toMatchObject({ state: 'NO_PUSH_DATA', apnsId: null });
  });
});
