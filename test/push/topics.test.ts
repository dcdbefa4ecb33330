import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Apple, startApple } from './apple.ts';
import { certificate, events, push } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

const topicNamed = (name: string) => `com.apple.mgmt.External.${name}`;

describe('topics and their certificates', () => {
  let apple: Apple;
  let server: PushServer;

  beforeAll(async () => {
    apple = await startApple();
    server = await startPushServer(apple);
  });
  afterAll(async () => {
    await server.stop();
    await apple.close();
  });

  async function pushTo(ids: readonly string[]) {
    const { pushEnrollments: outcome } = await server.ask(push, {
      input: { targets: { ids: [...ids] }, channels: 'DEVICE', validateOnly: false },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    return server.ended(outcome.job?.jobId ?? '', outcome.cursor);
  }

  const standingOf = async (topic: string) =>
    (await server.ask(certificate, { topic })).pushCertificate;

  it('a topic without a certificate is told; the first one wakes who was waiting for it', async () => {
    const topic = topicNamed('none');
    const ids = idsNamed('none', 3);
    const devices = await pushables(server.store, ids, { topic });
    expect(await pushTo(ids)).toMatchObject({ done: 0, failed: 3, total: 3 });
    expect(await server.standing(ids[0] ?? '')).toMatchObject({
      state: 'NO_CERTIFICATE',
      reason: expect.stringContaining(topic),
    });
    await server.certify(topic);
    await Promise.all(devices.map((one) => apple.pushedTo(one)));
  });

  it('403 BadCertificate stops that topic, until it gets another; other topics go on', async () => {
    const topic = topicNamed('stopped');
    const other = topicNamed('well');
    const ids = idsNamed('stopped', 40);
    const devices = await pushables(server.store, ids, { topic });
    const [well] = await pushables(server.store, ['WELL'], { topic: other });
    await server.certify(topic);
    await server.certify(other);
    let asked = 0;
    apple.rules.push((received) => {
      if (received.topic !== topic) return undefined;
      asked += 1;
      return { do: 'refuse', reason: 'BadCertificate' };
    });
    const after = await server.cursor();
    expect(await pushTo(ids)).toMatchObject({ done: 0, failed: 40 });
    for await (const { events: item } of server.follow(events, {
      after,
      types: ['PushTopicStopped'],
    })) {
      if (item.__typename !== 'PushTopicStoppedEvent') continue;
      expect(item).toMatchObject({ topic, reason: 'BadCertificate' });
      break;
    }
    expect(await standingOf(topic)).toMatchObject({
      version: 1,
      stoppedReason: 'BadCertificate',
      stoppedAt: expect.any(String),
    });
    expect(await server.standing(ids[0] ?? '')).toMatchObject({ state: 'CERTIFICATE_REFUSED' });
    await server.sql("update push_state set claimed_at = claimed_at - interval '1 minute'");
    const before = asked;
    expect(await pushTo([...ids, 'WELL'])).toMatchObject({ done: 1, failed: 40 });
    expect(asked).toBe(before);
    expect(well && apple.countOf(well)).toBe(1);

    apple.rules.length = 0;
    await server.certify(topic);
    expect(await standingOf(topic)).toMatchObject({ version: 2, stoppedAt: null });
    await Promise.all(devices.map((one) => apple.pushedTo(one)));
    expect(devices.map(apple.countOf)).toEqual(devices.map(() => 1));
  });

  it('a refusal of a certificate that was replaced meanwhile stops nothing', async () => {
    const topic = topicNamed('replaced');
    const [device] = await pushables(server.store, ['REPLACED'], { topic });
    await server.certify(topic);
    let replaced: Promise<void> | null = null;
    apple.rules.push((received) => {
      if (received.topic !== topic || replaced !== null) return undefined;
      replaced = server.certify(topic);
      return { do: 'refuse', reason: 'BadCertificate', after: replaced };
    });
    await pushTo(['REPLACED']);
    // It is pushed to with the new one, without being asked for again.
    await apple.pushedTo(device ?? { pushToken: Buffer.alloc(0) });
    expect(await standingOf(topic)).toMatchObject({ version: 2, stoppedAt: null });
  });
});
