import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CancelCommandInput, RetryCommandInput } from '../../generated/gql/graphql.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { anEnrollment } from '../graph/rows.ts';
import { databaseLanes } from '../harness/database.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { controls } from './control-server.ts';
import {
  cancelCommand,
  clearQueue,
  enqueueCommand,
  retryCommand,
  setCommandPriority,
} from './documents.ts';

describe('a queued command', () => {
  let server: TestServer;
  let control: ReturnType<typeof controls>;
  const devices: Device[] = [];
  beforeAll(async () => {
    server = await startServer();
    control = controls(server);
    for (let number = 0; number < 3; number += 1) {
      const device = await server.device(number);
      await device.enrol();
      devices.push(device);
    }
  });
  afterAll(() => server.stop());

  const the = (number: number): Device => {
    const device = devices[number];
    if (device === undefined) throw new Error('no such device');
    return device;
  };
  const ids = () => devices.map(({ enrollmentId }) => enrollmentId);

  async function cancel(input: Partial<CancelCommandInput> & { commandUuid: string }) {
    const { cancelCommand: outcome } = await control.ask(cancelCommand, {
      input: { targets: { all: true }, channels: 'ALL', validateOnly: false, ...input },
    });
    return outcome;
  }
  async function cancelled(input: Partial<CancelCommandInput> & { commandUuid: string }) {
    const outcome = await cancel(input);
    if (outcome.__typename !== 'CancelCommandPayload') throw new Error(JSON.stringify(outcome));
    return outcome;
  }
  async function retry(input: Partial<RetryCommandInput> & { commandUuid: string }) {
    const { retryCommand: outcome } = await control.ask(retryCommand, {
      input: {
        states: ['ERROR', 'EXPIRED', 'CANCELLED'],
        channels: 'ALL',
        validateOnly: false,
        push: false,
        force: false,
        ...input,
      },
    });
    return outcome;
  }

  it('that is cancelled is never served again, though it was put off; its late result is kept', async () => {
    const { channel, enrollmentId } = the(0);
    await control.enqueue([enrollmentId], 'put-off');
    expect((await channel.poll())?.uuid).toBe('put-off');
    await channel.report('put-off', { status: 'NotNow' });
    expect(await cancelled({ commandUuid: 'put-off' })).toMatchObject({
      count: 1,
      job: null,
      command: { uuid: 'put-off' },
      enrollments: [{ enrollmentId }],
    });
    expect(await channel.poll()).toBeNull();
    await channel.report('put-off', { status: 'Acknowledged' });
    expect(await control.standing('put-off')).toMatchObject([
      {
        state: 'CANCELLED',
        status: 'Acknowledged',
        result: {
          ended: 'CANCELLED',
          status: 'Acknowledged',
          decoded: expect.objectContaining({ Status: 'Acknowledged' }),
        },
      },
    ]);
    // It did it after all: nothing to send once more.
    expect(await retry({ commandUuid: 'put-off' })).toMatchObject({ code: 'NOTHING_TO_RETRY' });
  });

  it('is cancelled for some of its targets; for each other id the answer says why not', async () => {
    const [first = '', second = '', third = ''] = ids();
    await control.enqueue([first, second], 'some');
    await the(1).channel.poll();
    await the(1).channel.report('some', { status: 'Acknowledged' });
    const named = { ids: [first, second, third, 'NOBODY'] };
    const dry = await cancelled({ commandUuid: 'some', targets: named, validateOnly: true });
    expect(dry.count).toBe(1);
    const outcome = await cancelled({ commandUuid: 'some', targets: named });
    expect(outcome.count).toBe(1);
    const why = Object.fromEntries(outcome.refused.edges.map(({ node }) => [node.id, node.code]));
    expect(why).toEqual({
      [second]: 'ALREADY_FINISHED',
      [third]: 'NOT_A_TARGET',
      NOBODY: 'UNKNOWN_ENROLLMENT',
    });
    const states = (await control.standing('some')).map((one) => [one.enrollmentId, one.state]);
    expect(Object.fromEntries(states)).toEqual({ [first]: 'CANCELLED', [second]: 'ACKNOWLEDGED' });
  });

  it.each<[string, string, (all: readonly string[]) => Partial<CancelCommandInput>]>([
    ['twice', 'ALREADY_CANCELLED', ([first = '']) => ({ targets: { ids: [first] } })],
    ['after its answer', 'ALREADY_FINISHED', ([, second = '']) => ({ targets: { ids: [second] } })],
    [
      'for another enrolment',
      'NOT_A_TARGET',
      ([, , third = '']) => ({ targets: { ids: [third] } }),
    ],
    ['for nobody', 'UNKNOWN_ENROLLMENT', () => ({ targets: { ids: ['NOBODY'] } })],
    ['as a whole when nothing waits', 'ALREADY_CANCELLED', () => ({})],
    ['that does not exist', 'UNKNOWN_COMMAND', () => ({ commandUuid: 'never-made' })],
  ])('cannot be cancelled %s', async (_how, code, input) => {
    expect(await cancel({ commandUuid: 'some', ...input(ids()) })).toMatchObject({
      code,
      message: expect.any(String),
    });
  });

  it('is cancelled once for an idempotency key, and not when there are more than expected', async () => {
    await control.enqueue(ids(), 'keyed');
    expect(await cancel({ commandUuid: 'keyed', expectedCount: 2 })).toMatchObject({
      code: 'TARGETS_CHANGED',
    });
    const input = { commandUuid: 'keyed', idempotencyKey: 'cancel once' };
    expect(await cancelled(input)).toMatchObject({ count: 3, replayed: false });
    expect(await cancelled(input)).toMatchObject({ count: 3, replayed: true });
  });

  it('that failed is sent once more: the same body under a new CommandUUID', async () => {
    const [first = '', second = '', third = ''] = ids();
    const plist = aCommand('failed', 'InstallProfile', {
      Payload: Buffer.from('<key>CommandUUID</key><string>failed</string>'),
    });
    await enqueue(server, [first, second, third], plist);
    for (const [number, status] of [
      [0, 'Error'],
      [1, 'Acknowledged'],
    ] as const) {
      await the(number).channel.poll();
      await the(number).channel.report('failed', { status });
    }
    await cancelled({ commandUuid: 'failed', targets: { ids: [third] } });
    const dry = await retry({ commandUuid: 'failed', validateOnly: true });
    expect(dry).toMatchObject({ queuedCount: 2, validateOnly: true, command: null });
    const onlyErrors = {
      commandUuid: 'failed',
      states: ['ERROR' as const],
      idempotencyKey: 'retry once',
    };
    const outcome = await retry(onlyErrors);
    if (outcome.__typename !== 'RetryCommandPayload') throw new Error(JSON.stringify(outcome));
    expect(outcome).toMatchObject({
      queuedCount: 1,
      command: { requestType: 'InstallProfile', retryOf: { uuid: 'failed' } },
    });
    const { commandUuid } = outcome;
    expect(commandUuid).not.toBe('failed');
    const raw = Buffer.from(outcome.command?.raw ?? '', 'base64').toString();
    const renamed = '<key>CommandUUID</key>\n\t<string>failed</string>';
    expect(plist).toContain(renamed);
    expect(raw).toBe(plist.replace(renamed, renamed.replace('failed', commandUuid)));
    expect(await retry(onlyErrors)).toMatchObject({ commandUuid, replayed: true });
    expect((await the(0).channel.poll())?.uuid).toBe(commandUuid);
    await the(0).channel.report(commandUuid, { status: 'Acknowledged' });
    expect(await retry({ commandUuid: 'failed', targets: { ids: [second] } })).toMatchObject({
      code: 'NOTHING_TO_RETRY',
    });
  });

  it('overtakes others when it becomes more urgent, in some queues or in all', async () => {
    const { channel, enrollmentId } = the(0);
    const other = the(1);
    const both = [enrollmentId, other.enrollmentId];
    await control.enqueue(both, 'slow');
    await control.enqueue(both, 'fast');
    const prioritize = async (input: object) => {
      const { setCommandPriority: outcome } = await control.ask(setCommandPriority, {
        input: { commandUuid: 'fast', priority: 5, channels: 'ALL', validateOnly: false, ...input },
      });
      return outcome;
    };
    expect(await prioritize({ targets: { ids: [enrollmentId] } })).toMatchObject({
      count: 1,
      command: { priority: 0 },
    });
    expect((await channel.poll())?.uuid).toBe('fast');
    expect((await other.channel.poll())?.uuid).toBe('slow');
    expect(await prioritize({})).toMatchObject({ count: 2, command: { priority: 5 } });
    expect((await other.channel.poll())?.uuid).toBe('fast');
    expect(await prioritize({ priority: 1_001 })).toMatchObject({ code: 'BAD_PRIORITY' });
    // What has been moved is still answered, and cancelled, like any other.
    expect((await channel.report('fast', { status: 'Acknowledged' }))?.uuid).toBe('slow');
    expect(await cancelled({ commandUuid: 'fast' })).toMatchObject({ count: 1 });
    expect(await prioritize({})).toMatchObject({ code: 'ALREADY_FINISHED' });
  });

  it('goes with its queue when that is cleared; what is queued later stays', async () => {
    const { channel, enrollmentId } = the(2);
    await control.enqueue([enrollmentId], 'cleared-1');
    await control.enqueue([enrollmentId], 'cleared-2');
    const clear = async (input: object) => {
      const { clearQueue: outcome } = await control.ask(clearQueue, {
        input: {
          targets: { ids: [enrollmentId] },
          channels: 'DEVICE',
          validateOnly: false,
          ...input,
        },
      });
      return outcome;
    };
    expect(await clear({ validateOnly: true })).toMatchObject({ count: 2, validateOnly: true });
    expect(await clear({ targets: { all: true } })).toMatchObject({
      code: 'EXPECTED_COUNT_REQUIRED',
    });
    expect(await clear({ expectedCount: 1 })).toMatchObject({ code: 'TARGETS_CHANGED' });
    expect(await clear({})).toMatchObject({ count: 2, job: null });
    expect(await control.standing('cleared-1')).toMatchObject([{ state: 'CLEARED' }]);
    expect(await channel.poll()).toBeNull();
    expect(await clear({ targets: { ids: ['NOBODY'] } })).toMatchObject({
      code: 'UNKNOWN_ENROLLMENT',
    });
  });

  it('is cancelled by a job, in pages, when its targets are many', async () => {
    const pool = server.store.database.graph;
    await pool.query(
      `insert into enrollment (id, tenant_id, kind, enabled)
       select 'MANY-' || n, 1, 'DEVICE', true from generate_series(1, 2500) n`,
    );
    const names = Array.from({ length: 2500 }, (_, at) => `MANY-${at + 1}`);
    await control.enqueue(names, 'many');
    const outcome = await cancelled({ commandUuid: 'many' });
    expect(outcome).toMatchObject({ count: 2500, job: { kind: 'CANCEL_COMMAND', total: 2500 } });
    const ended = await jobEnd(outcome.job?.jobId ?? '', outcome.cursor);
    expect(ended).toMatchObject({ state: 'SUCCEEDED', done: 2500, failed: 0, total: 2500 });
    const { rows } = await pool.query(
      `select (select count(*)::int from queue_entry q where q.command_key = c.key) as waiting,
         (select count(*)::int from command_result r
          where r.command_key = c.key and r.ended = 'CANCELLED') as cancelled,
         (select count(*)::int from event v
          where v.command_key = c.key and v.type = 'CommandEnded' and v.actor = 'token:admin') as told
       from command c where c.uuid = 'many'`,
    );
    expect(rows).toEqual([{ waiting: 0, cancelled: 2500, told: 2500 }]);
  });

  /** The last event of a job. */
  async function jobEnd(jobId: string, after: string): Promise<unknown> {
    const query = `subscription($job: ID!, $after: String) { jobProgress(job: $job, after: $after) {
      ... on JobProgressedEvent { state done failed total } } }`;
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${adminToken}`,
        'Content-Type': 'application/json',
        Accept: 'text/event-stream',
      },
      body: JSON.stringify({ query, variables: { job: jobId, after } }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { value: '', done: true };
      if (done) throw new Error(`the stream ended: ${text}`);
      text += value;
      const end = /\{"state":"(?:SUCCEEDED|FAILED|CANCELLED)"[^}]*\}/.exec(text);
      if (end) {
        await reader?.cancel();
        return JSON.parse(end[0]);
      }
    }
  }
});

describe.each(databaseLanes())('a command that locks or wipes (%s)', (lane) => {
  let server: TestServer;
  let control: ReturnType<typeof controls>;
  beforeAll(async () => {
    server = await startServer({ lane });
    control = controls(server);
    for (const id of ['LOCK-1', 'LOCK-2', 'LOCK-3']) {
      await anEnrollment(server.store.database.graph, { id });
    }
    await anEnrollment(server.store.database.graph, { id: 'LOCK-OFF', enabled: false });
  });
  afterAll(() => server.stop());

  async function send(
    uuid: string,
    ids: readonly string[],
    more: { readonly requestType?: string; readonly force?: boolean } = {},
  ) {
    const { enqueueCommand: outcome } = await control.ask(enqueueCommand, {
      input: {
        targets: { ids: [...ids] },
        channels: 'DEVICE',
        command: { plist: aCommand(uuid, more.requestType ?? 'DeviceLock') },
        push: false,
        force: more.force ?? false,
        priority: 0,
        validateOnly: false,
      },
    });
    return outcome;
  }

  it('waits once: of twenty callers at the same moment exactly one wins', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, number) => send(`race-${number}`, ['LOCK-1'])),
    );
    const won = outcomes.filter((one) => one.__typename === 'EnqueueCommandPayload');
    expect(won).toMatchObject([{ queuedCount: 1 }]);
    const lost = outcomes.filter((one) => one.__typename === 'ConflictError');
    expect(lost).toHaveLength(19);
    expect(new Set(lost.map((one) => ('code' in one ? one.code : '')))).toEqual(
      new Set(['ALREADY_PENDING']),
    );
    const { rows } = await server.store.database.graph.query(
      'select count(*)::int as count from queue_entry',
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('is refused for each target where one waits, and those are kept with the rule', async () => {
    const outcome = await send('partly', ['LOCK-1', 'LOCK-2', 'LOCK-OFF', 'NOBODY']);
    if (outcome.__typename !== 'EnqueueCommandPayload') throw new Error(JSON.stringify(outcome));
    expect(outcome).toMatchObject({ queuedCount: 1, refusedCount: 3 });
    const why = outcome.refused.edges.map(({ node }) => [node.id, node.code]);
    expect(Object.fromEntries(why)).toEqual({
      'LOCK-1': 'ALREADY_PENDING',
      'LOCK-OFF': 'NOT_ENABLED',
      NOBODY: 'UNKNOWN_ENROLLMENT',
    });
    expect(await control.standing('partly')).toMatchObject([
      { enrollmentId: 'LOCK-1', state: 'REFUSED', rule: 'ALREADY_PENDING' },
      { enrollmentId: 'LOCK-2', state: 'PENDING', rule: null },
      { enrollmentId: 'LOCK-OFF', state: 'REFUSED', rule: 'NOT_ENABLED' },
    ]);
  });

  it('waits twice when it is forced, beside others of another type, and again once it has ended', async () => {
    expect(await send('forced', ['LOCK-1'], { force: true })).toMatchObject({ queuedCount: 1 });
    expect(await send('erase', ['LOCK-1'], { requestType: 'EraseDevice' })).toMatchObject({
      queuedCount: 1,
    });
    await control.ask(clearQueue, {
      input: { targets: { ids: ['LOCK-1'] }, channels: 'DEVICE', validateOnly: false },
    });
    expect(await send('again', ['LOCK-1'])).toMatchObject({ queuedCount: 1, refusedCount: 0 });
  });

  it('that is harmless waits as often as one likes', async () => {
    for (const uuid of ['list-1', 'list-2']) {
      const outcome = await send(uuid, ['LOCK-3'], { requestType: 'ProfileList' });
      expect(outcome).toMatchObject({ queuedCount: 1 });
    }
  });
});
