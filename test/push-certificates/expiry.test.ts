import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { bySse, type Subscribed } from '../graph/subscribe.ts';
import { adminToken } from '../harness/server.ts';
import type { PushCertificateEventsSubscription } from '../../generated/gql/graphql.ts';
import { events } from './documents.ts';
import { type HourlyClock, hourlyClock } from './hourly-clock.ts';
import { type PushServer, startPushServer, topicNamed } from './push-server.ts';

let server: PushServer;
let clock: HourlyClock;

beforeAll(async () => {
  clock = hourlyClock();
  server = await startPushServer({ clock });
});
afterAll(() => server.stop());

const day = 86_400_000;

async function uploadEnding(topic: string, days: number) {
  const notAfter = new Date(clock.now().getTime() + days * day);
  const { certificate, key } = await makePushCertificate(server.apple, topic, { notAfter });
  const outcome = await server.upload({ source: { pem: certificate + key } });
  if (outcome.__typename !== 'UploadPushCertificatePayload') throw new Error(outcome.code);
  return outcome.cursor;
}

/** The next event, whatever checkpoints come before it. */
async function next(stream: Subscribed<PushCertificateEventsSubscription>) {
  for (;;) {
    const { value } = await stream.next();
    if (value.errors) throw new Error(JSON.stringify(value.errors));
    const item = value.data?.events;
    if (item && item.__typename !== 'Checkpoint') return item;
  }
}

describe('a certificate that comes near its end', () => {
  it('is told of once at each mark, and when it has ended, and again after a renewal', async () => {
    const topic = topicNamed('ending');
    const after = await uploadEnding(topic, 31.5);
    const stream = await bySse(server.graph, adminToken, events, { after });
    expect(await next(stream)).toMatchObject({ __typename: 'PushCertificateUploadedEvent' });
    const steps: readonly (readonly [number, number | 'ended' | null])[] = [
      [1, null],
      [1, 30],
      [16, 14],
      [7, 7],
      [4, null],
      [2, 1],
      [1, 'ended'],
    ];
    for (const [days, told] of steps) {
      await clock.turn(days * day);
      // Looked at once more: what was told is not told again.
      await clock.turn(0);
      if (told === null) continue;
      expect(await next(stream)).toMatchObject(
        told === 'ended'
          ? { __typename: 'PushCertificateExpiredEvent', topic, actor: 'system' }
          : { __typename: 'PushCertificateExpiringEvent', topic, withinDays: told },
      );
    }

    await uploadEnding(topic, 10);
    expect(await next(stream)).toMatchObject({ __typename: 'PushCertificateUploadedEvent' });
    await clock.turn(0);
    expect(await next(stream)).toMatchObject({ withinDays: 14 });
    await stream.close();

    const { rows } = await server.store.database.graph.query<{ days: string }>(
      `select data->>'days' as days from event where type in
         ('PushCertificateExpiring', 'PushCertificateExpired') order by id`,
    );
    expect(rows.map(({ days }) => Number(days))).toEqual([30, 14, 7, 1, 0, 14]);
  });

  it('shows in the metrics', async () => {
    await uploadEnding(topicNamed('soon'), 3.5);
    await clock.turn(0);
    // The next run is planned when this one has ended.
    await clock.turn(0);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const days = /^graphmdm_push_certificate_expires_in_days (\S+)$/m.exec(metrics)?.[1];
    expect(Number(days)).toBeCloseTo(3.5, 1);
  });
});
