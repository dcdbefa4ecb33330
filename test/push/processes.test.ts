import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../harness/database.ts';
import { serverLane, testDatabase } from '../harness/database.ts';
import { type Apple, startApple } from './apple.ts';
import { push } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer, topic } from './push-server.ts';

describe('several processes on one database', () => {
  let apple: Apple;
  let store: TestDatabase;
  const running: PushServer[] = [];

  beforeAll(async () => {
    apple = await startApple();
  });
  afterAll(() => apple.close());
  beforeEach(async () => {
    apple.rules.length = 0;
    store = await testDatabase(serverLane());
  });
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
    await store.drop();
  });

  async function start(): Promise<PushServer> {
    const server = await startPushServer(apple, { store });
    running.push(server);
    return server;
  }

  async function stop(server: PushServer): Promise<void> {
    running.splice(running.indexOf(server), 1);
    await server.stop();
  }

  async function pushTo(server: PushServer, ids: readonly string[]) {
    const { pushEnrollments: outcome } = await server.ask(push, {
      input: { targets: { ids: [...ids] }, channels: 'DEVICE', validateOnly: false },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    return server.ended(outcome.job?.jobId ?? '', outcome.cursor);
  }

  it('a certificate that one replaced is used by another’s next push', async () => {
    const elsewhere = await startApple();
    const first = await start();
    await pushables(store, ['A']);
    // Of an authority that the service does not know.
    await first.certify(topic, elsewhere);
    expect(await pushTo(first, ['A'])).toMatchObject({ failed: 1 });
    expect(await first.standing('A')).toMatchObject({ state: 'CERTIFICATE_REFUSED' });

    const second = await start();
    await second.certify();
    await stop(second);
    await first.sql("update push_state set claimed_at = claimed_at - interval '1 minute'");
    expect(await pushTo(first, ['A'])).toMatchObject({ done: 1, failed: 0 });
    await elsewhere.close();
  });

  it('a push that is asked for through both at once is sent once', async () => {
    const [one, other] = [await start(), await start()];
    await one.certify();
    const ids = idsNamed('both', 600);
    const devices = await pushables(store, ids);
    const jobs = await Promise.all([pushTo(one, ids), pushTo(other, ids)]);
    expect(jobs).toMatchObject([
      { state: 'SUCCEEDED', done: 600, failed: 0 },
      { state: 'SUCCEEDED', done: 600, failed: 0 },
    ]);
    await Promise.all(devices.map((device) => apple.pushedTo(device)));
    expect(devices.every((device) => apple.countOf(device) === 1)).toBe(true);
  });

  it('what a dead process had begun is taken up where it was, and nobody is left out', async () => {
    const server = await start();
    await server.certify();
    const devices = await pushables(store, idsNamed('left', 1_500));
    const [begun, claimed, untouched] = [
      devices.slice(0, 500),
      devices.slice(500, 1_000),
      devices.slice(1_000),
    ];
    const keyOf = async (id: string | undefined) =>
      (await server.sql('select key from enrollment where id = $1', [id]))[0]?.['key'];

    // As the dead one left it: a page done, a page claimed of which nobody knows more, the rest not
    // begun; and its lease still lasts.
    await server.sql(
      `insert into push_state (enrollment_key, claimed_at, outcome, outcome_at, retry_at, token_updated_at)
       select key, now() - interval '50 seconds', case when id < $1 then 'ACCEPTED' end,
         case when id < $1 then now() - interval '49 seconds' end,
         case when id >= $1 then now() + interval '10 seconds' end, token_updated_at
       from enrollment where id < $2`,
      [claimed[0]?.id, untouched[0]?.id],
    );
    const id = randomUUID();
    const after = await server.cursor();
    await server.sql(
      `insert into job (id, kind, state, input, cursor, done, total, created_by, holder, lease_until,
         started_at)
       values ($1, 'PUSH', 'RUNNING', $2, $3, 500, 1500, 'token:gone', 'gone',
         now() + interval '1 hour', now() - interval '1 minute')`,
      [
        id,
        JSON.stringify({ targets: { all: true, channels: 'DEVICE' }, tenant: null }),
        JSON.stringify({ after: await keyOf(begun.at(-1)?.id) }),
      ],
    );
    // The lease and the claims run out.
    await server.sql('update job set lease_until = now() where id = $1', [id]);
    expect(await server.ended(id, after)).toMatchObject({
      state: 'SUCCEEDED',
      done: 1_500,
      failed: 0,
      total: 1_500,
    });
    await Promise.all(untouched.map((device) => apple.pushedTo(device)));
    expect(claimed.some((device) => apple.countOf(device) > 0)).toBe(false);
    await server.sql('update push_state set retry_at = now() where retry_at is not null');
    await Promise.all(claimed.map((device) => apple.pushedTo(device)));
    expect(begun.every((device) => apple.countOf(device) === 0)).toBe(true);
    expect([...claimed, ...untouched].every((device) => apple.countOf(device) === 1)).toBe(true);
  });

  it('what failed for the moment is tried again by the next process', async () => {
    const first = await start();
    await first.certify();
    const [device] = await pushables(store, ['A']);
    apple.rules.push(() => ({ do: 'refuse', reason: 'Shutdown' }));
    expect(await pushTo(first, ['A'])).toMatchObject({ done: 1, failed: 0 });
    expect(await first.standing('A')).toMatchObject({ state: 'RETRYING' });
    await stop(first);
    apple.rules.length = 0;
    const second = await start();
    expect(device && apple.countOf(device)).toBe(0);
    await second.sql('update push_state set retry_at = now()');
    await apple.pushedTo(device ?? { pushToken: Buffer.alloc(0) });
  });

  it('a process that stops leaves what it has not sent to the others, at once', async () => {
    const [one, other] = [await start(), await start()];
    await one.certify();
    const ids = idsNamed('stops', 2_000);
    const devices = await pushables(store, ids);
    let under = 0;
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let go = () => {};
    const opened = new Promise<void>((resolve) => {
      go = resolve;
    });
    apple.rules.push(() => {
      under += 1;
      if (under === 100) begin();
      return { do: 'accept', after: opened };
    });
    const { pushEnrollments: outcome } = await one.ask(push, {
      input: { targets: { ids: [...ids] }, channels: 'DEVICE', validateOnly: false },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    await begun;
    const stopped = stop(one);
    go();
    await stopped;
    expect(await other.ended(outcome.job?.jobId ?? '', outcome.cursor)).toMatchObject({
      state: 'SUCCEEDED',
      done: 2_000,
      failed: 0,
    });
    await Promise.all(devices.map((device) => apple.pushedTo(device)));
    expect(devices.every((device) => apple.countOf(device) === 1)).toBe(true);
  });
});
