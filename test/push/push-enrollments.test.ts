import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PushEnrollmentsInput } from '../../generated/gql/graphql.ts';
import { byWebSocket, bySse } from '../graph/subscribe.ts';
import { type Apple, startApple } from './apple.ts';
import { jobs, outcomes, progress, push, pushAndWait } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

type Input = Partial<PushEnrollmentsInput> & Pick<PushEnrollmentsInput, 'targets'>;

const ordinary = { channels: 'DEVICE', validateOnly: false } as const;

describe('pushEnrollments', () => {
  let apple: Apple;
  let server: PushServer;

  beforeAll(async () => {
    apple = await startApple();
    server = await startPushServer(apple);
    await server.certify();
  });
  afterAll(async () => {
    await server.stop();
    await apple.close();
  });

  async function pushTo(input: Input, token?: string) {
    const { pushEnrollments: outcome } = await server.ask(
      push,
      { input: { ...ordinary, ...input } },
      token,
    );
    return outcome;
  }

  async function accepted(input: Input, token?: string) {
    const outcome = await pushTo(input, token);
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    return outcome;
  }

  it('answers what became of each target: Apple’s id, or Apple’s reason', async () => {
    const [good, bad, other] = await pushables(server.store, ['OK', 'BAD', 'OTHER']);
    apple.rules.push(({ token }) =>
      token === bad?.pushToken.toString('hex')
        ? { do: 'refuse', reason: 'BadDeviceToken' }
        : token === other?.pushToken.toString('hex')
          ? { do: 'refuse', reason: 'PayloadTooLarge' }
          : undefined,
    );
    const { pushEnrollments: outcome } = await server.ask(pushAndWait, {
      input: { ...ordinary, targets: { ids: ['OK', 'BAD', 'OTHER'] } },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    const push = apple.pushes.find(({ token }) => token === good?.pushToken.toString('hex'));
    expect(outcome.outcomes).toEqual([
      {
        enrollmentId: 'BAD',
        push: expect.objectContaining({
          state: 'BAD_DEVICE_TOKEN',
          reason: 'BadDeviceToken',
          status: 400,
        }),
      },
      {
        enrollmentId: 'OK',
        push: { state: 'ACCEPTED', reason: null, status: 200, apnsId: push?.apnsId },
      },
      {
        enrollmentId: 'OTHER',
        push: expect.objectContaining({
          state: 'REJECTED',
          reason: 'PayloadTooLarge',
          status: 413,
        }),
      },
    ]);
    const job = await server.ended(outcome.job?.jobId ?? '', outcome.cursor);
    expect(job).toMatchObject({ state: 'SUCCEEDED', done: 1, failed: 2, total: 3 });
    expect(job.createdBy).toBe('token:admin');
    expect(job.startedAt).not.toBeNull();
    expect(job.finishedAt).not.toBeNull();
    expect(job.errors?.edges?.map((edge) => edge?.node)).toEqual(
      expect.arrayContaining([
        { code: 'BAD_DEVICE_TOKEN', message: 'BadDeviceToken', subject: 'BAD' },
        { code: 'REJECTED', message: 'PayloadTooLarge', subject: 'OTHER' },
      ]),
    );
  });

  it('refuses unknown and disabled ids one by one, and an input with unknown ids only', async () => {
    await pushables(server.store, ['HERE', 'GONE']);
    await server.sql("update enrollment set enabled = false where id = 'GONE'");
    const outcome = await accepted({ targets: { ids: ['HERE', 'GONE', 'NEVER'] } });
    expect(outcome).toMatchObject({
      targetCount: 1,
      refused: [
        { id: 'GONE', code: 'NOT_ENABLED' },
        { id: 'NEVER', code: 'UNKNOWN_ENROLLMENT' },
      ],
    });
    expect(await pushTo({ targets: { ids: ['NEVER'] } })).toMatchObject({
      __typename: 'NotFoundError',
      code: 'UNKNOWN_ENROLLMENT',
    });
    expect(await pushTo({ targets: { filter: {} } })).toMatchObject({
      __typename: 'ValidationError',
    });
  });

  it('reaches those of a filter, or all; `validateOnly` counts them and pushes to nobody', async () => {
    const topic = 'com.apple.mgmt.External.filter';
    const some = await pushables(server.store, idsNamed('filter', 7), { topic });
    await server.certify(topic);
    const targets = { filter: { topics: [topic] } };
    expect(await accepted({ targets, validateOnly: true })).toMatchObject({
      job: null,
      targetCount: 7,
      validateOnly: true,
    });
    const { job, cursor } = await accepted({ targets });
    await server.ended(job?.jobId ?? '', cursor);
    // Had the dry run pushed, these would be more.
    expect(some.map(apple.countOf)).toEqual(some.map(() => 1));

    const [{ count } = { count: 0 }] = await server.sql(
      'select count(*)::int from enrollment where enabled',
    );
    const all = await accepted({ targets: { all: true } });
    expect(all.targetCount).toBe(count);
    const ended = await server.ended(all.job?.jobId ?? '', all.cursor);
    expect(ended.done + ended.failed).toBe(count);
  });

  it('a repeat with the same idempotency key gets the first answer and pushes no more', async () => {
    const [device] = await pushables(server.store, ['REPEATED']);
    const input = { targets: { ids: ['REPEATED'] }, idempotencyKey: 'push once' };
    const first = await accepted(input);
    await server.ended(first.job?.jobId ?? '', first.cursor);
    const second = await accepted(input);
    expect(second).toEqual({ ...first, replayed: true });
    expect(device && apple.countOf(device)).toBe(1);
    expect(await pushTo({ ...input, targets: { ids: ['OK'] } })).toMatchObject({
      __typename: 'ConflictError',
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it.each([
    ['SSE', bySse],
    ['WebSocket', byWebSocket],
  ] as const)('tells every outcome and the progress, by %s', async (name, by) => {
    const ids = idsNamed(`live ${name}`, 1_200);
    const devices = await pushables(server.store, ids);
    const [refused] = devices;
    apple.rules.push(({ token }) =>
      token === refused?.pushToken.toString('hex')
        ? { do: 'refuse', reason: 'Unregistered' }
        : undefined,
    );
    const { job, cursor } = await accepted({ targets: { ids: [...ids] } });
    const id = job?.jobId ?? '';

    // Subscribed after the mutation, and yet nothing is missed.
    const told = new Map<string, string | null | undefined>();
    for await (const { pushOutcomes: item } of server.follow(
      outcomes,
      { job: id, after: cursor },
      by,
    )) {
      if (item.__typename === 'Checkpoint') continue;
      expect(told.has(item.enrollmentId ?? '')).toBe(false);
      told.set(
        item.enrollmentId ?? '',
        item.__typename === 'PushFailedEvent' ? item.outcome : 'ACCEPTED',
      );
      if (told.size === ids.length) break;
    }
    expect(told.get(refused?.id ?? '')).toBe('UNREGISTERED');
    expect([...told.values()].filter((one) => one === 'ACCEPTED')).toHaveLength(1_199);

    const steps: number[] = [];
    for await (const { jobProgress: item } of server.follow(
      progress,
      { job: id, after: cursor },
      by,
    )) {
      if (item.__typename !== 'JobProgressedEvent') continue;
      steps.push((item.done ?? 0) + (item.failed ?? 0));
      if (item.state === 'SUCCEEDED') {
        expect(item).toMatchObject({ done: 1_199, failed: 1, total: 1_200 });
        break;
      }
    }
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(steps.length).toBeGreaterThan(2);
  });

  it('two requests in one moment are one push to the device', async () => {
    const [device] = await pushables(server.store, ['TWICE']);
    const answers = await Promise.all([1, 2].map(() => accepted({ targets: { ids: ['TWICE'] } })));
    for (const { job, cursor } of answers) {
      expect(await server.ended(job?.jobId ?? '', cursor)).toMatchObject({ done: 1, failed: 0 });
    }
    expect(device && apple.countOf(device)).toBe(1);
  });

  it('a tenant reaches and sees its own only', async () => {
    const [theirs, ours] = await pushables(server.store, ['THEIRS 1', 'THEIRS 2'], { tenant: 2 });
    const foreign = await server.token(3);
    const own = await server.token(2);
    expect(await pushTo({ targets: { ids: ['THEIRS 1'] } }, foreign)).toMatchObject({
      __typename: 'NotFoundError',
    });
    expect(await accepted({ targets: { all: true }, validateOnly: true }, foreign)).toMatchObject({
      targetCount: 0,
    });
    const { job, cursor, targetCount } = await accepted({ targets: { all: true } }, own);
    expect(targetCount).toBe(2);
    const id = job?.jobId ?? '';
    await server.ended(id, cursor);
    expect([theirs, ours].map((one) => one && apple.countOf(one))).toEqual([1, 1]);

    const seen = async (token: string) =>
      (await server.ask(jobs, {}, token)).jobs.edges?.map((edge) => edge?.node?.jobId);
    expect(await seen(own)).toEqual([id]);
    expect(await seen(foreign)).toEqual([]);
    const stream = await bySse(server.graph, foreign, outcomes, { job: id, after: cursor });
    expect((await stream.next()).value.data).toMatchObject({
      pushOutcomes: { __typename: 'Checkpoint' },
    });
    await stream.close();
  });

  it('progress of a job over all tenants is for tokens over all tenants', async () => {
    const own = await server.token(1);
    const { job, cursor } = await accepted({ targets: { ids: ['OK'] } });
    await server.ended(job?.jobId ?? '', cursor);
    const stream = await bySse(server.graph, own, progress, { after: cursor });
    const items: unknown[] = [(await stream.next()).value.data];
    await stream.close();
    expect(items).toEqual([{ jobProgress: { __typename: 'Checkpoint' } }]);
  });

  it('needs the scope push:write', async () => {
    const reader = await server.token(1, ['push:read', 'jobs:read']);
    expect(await pushTo({ targets: { all: true } }, reader)).toMatchObject({
      __typename: 'ForbiddenError',
      message: expect.stringContaining('push:write'),
    });
  });
});
