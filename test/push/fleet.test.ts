import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyNth } from '../../clients/simulator/apns/script.ts';
import { type Apple, startApple } from './apple.ts';
import { job, push } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

const size = 3_000;

describe('a fleet', () => {
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

  it('is pushed to once each, through busy answers and connections that end', async () => {
    const devices = await pushables(server.store, idsNamed('fleet', size));
    apple.rules.push(
      everyNth(100, { do: 'refuse', reason: 'ServiceUnavailable' }),
      everyNth(701, { do: 'goaway', last: 'this' }),
      everyNth(997, { do: 'goaway', last: 'before' }),
    );
    const { pushEnrollments: outcome } = await server.ask(push, {
      input: { targets: { all: true }, channels: 'DEVICE', validateOnly: false },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    expect(outcome.targetCount).toBe(size);
    const ended = await server.ended(outcome.job?.jobId ?? '', outcome.cursor);
    expect(ended).toMatchObject({ state: 'SUCCEEDED', done: size, failed: 0, total: size });

    const waiting = await server.sql('select 1 from push_state where retry_at is not null');
    expect(waiting.length).toBeGreaterThanOrEqual(size / 100);
    apple.rules.length = 0;
    await server.sql(
      'update push_state set retry_at = now() where retry_at is not null and outcome_at >= claimed_at',
    );
    await Promise.all(devices.map((one) => apple.pushedTo(one)));
    expect(devices.every((one) => apple.countOf(one) === 1)).toBe(true);
    expect(apple.connections()).toBeGreaterThan(3);
    // What is tried again is no part of the job any more.
    expect((await server.ask(job, { id: ended.jobId })).job).toEqual(ended);
  });
});
