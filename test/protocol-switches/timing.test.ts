import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { type Clock, systemClock } from '../../server/model/clock.ts';
import { aCommand } from '../build/commands.ts';
import { eventsOf, queueOf, resultsOf, rowsOf } from '../device/stored.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { askServer, fieldOf } from './graph.ts';

/** How often the sweep of expired commands runs. */
const sweepEvery = 15_000;

/** The timers of that length wait to be run by hand; every other one is an ordinary one. */
function sweepClock(): { readonly clock: Clock; sweep(): Promise<void> } {
  let waiting: (() => void)[] = [];
  let armed = (): void => {};
  return {
    clock: {
      now: systemClock.now,
      setTimer(ms, run) {
        if (ms !== sweepEvery) return systemClock.setTimer(ms, run);
        waiting.push(run);
        armed();
        return () => {
          waiting = waiting.filter((one) => one !== run);
        };
      },
    },
    // A task plans its next run when it has ended.
    sweep() {
      const due = waiting;
      waiting = [];
      return new Promise((resolve) => {
        armed = () => waiting.length === due.length && resolve();
        for (const run of due) run();
      });
    },
  };
}

const { clock, sweep } = sweepClock();
let server: TestServer;
beforeAll(async () => {
  server = await startServer({ clock });
});
afterAll(() => server.stop());

let devices = 0;
async function enrolled(): Promise<Device> {
  const device = await server.device(devices++);
  await device.enrol();
  return device;
}

const mutation = `mutation ($input: EnqueueCommandInput!) { enqueueCommand(input: $input) {
  __typename
  ... on EnqueueCommandPayload { queuedCount }
  ... on Error { code path }
} }`;

/** Queues a command named after the device, as an integrator does. */
function queue(device: Device, name: string, timing: object = {}) {
  const input = {
    targets: { ids: [device.enrollmentId] },
    command: { plist: aCommand(`${name}-${device.enrollmentId}`) },
    push: false,
    ...timing,
  };
  return fieldOf('enqueueCommand', askServer(server, mutation, { input }));
}

const hour = 3_600_000;
const at = (ms: number) => new Date(Date.now() + ms).toISOString();

/** Sets a time of what waits for a device, as if it had come nearer meanwhile. */
async function turn(device: Device, column: 'not_before' | 'expires_at', to: string) {
  await rowsOf(
    server,
    `update queue_entry set ${column} = now() + $2::interval
     where ${column} is not null
       and enrollment_key = (select key from enrollment where id = $1)`,
    [device.enrollmentId, to],
  );
}

/** The names of the commands that a device is handed until there is none, each acknowledged. */
async function handed(device: Device): Promise<string[]> {
  const answered = await device.channel.connect(20);
  return answered.map(({ command }) => command.uuid.replace(`-${device.enrollmentId}`, ''));
}

describe('a command’s priority', () => {
  it('decides who goes first; equal ones go in the order they were queued', async () => {
    const device = await enrolled();
    const plan = { a: 0, b: -5, c: 7, d: 0, e: 1000, f: 7, g: -1000 };
    for (const [name, priority] of Object.entries(plan)) await queue(device, name, { priority });
    expect(await handed(device)).toEqual(['e', 'c', 'f', 'a', 'd', 'b', 'g']);
  });

  it('lets a later one overtake between two reports, and none that is put off hold it up', async () => {
    const device = await enrolled();
    await queue(device, 'first');
    await queue(device, 'second');
    const first = await device.channel.poll();
    await queue(device, 'urgent', { priority: 10 });
    const urgent = await device.channel.report(first?.uuid ?? '', { status: 'Acknowledged' });
    expect(urgent?.uuid).toBe(`urgent-${device.enrollmentId}`);
    const second = await device.channel.report(urgent?.uuid ?? '', { status: 'NotNow' });
    expect(second?.uuid).toBe(`second-${device.enrollmentId}`);
    const again = await device.channel.report(second?.uuid ?? '', { status: 'Acknowledged' });
    expect(again?.uuid).toBe(urgent?.uuid);
  });
});

describe('a command’s earliest time', () => {
  it('keeps it back, behind which others go on, until it has come', async () => {
    const device = await enrolled();
    await queue(device, 'later', { priority: 5, notBefore: at(hour) });
    await queue(device, 'now');
    expect(await handed(device)).toEqual(['now']);
    expect(await device.channel.poll()).toBeNull();
    await turn(device, 'not_before', '-1 second');
    expect(await handed(device)).toEqual(['later']);
  });

  it('may lie in the past', async () => {
    const device = await enrolled();
    await queue(device, 'now', { notBefore: at(-hour) });
    expect(await handed(device)).toEqual(['now']);
  });

  it('does not keep a report back that comes all the same', async () => {
    const device = await enrolled();
    await queue(device, 'early', { notBefore: at(hour) });
    await device.channel.report(`early-${device.enrollmentId}`, { status: 'Acknowledged' });
    expect(await resultsOf(server, device.enrollmentId)).toMatchObject([{ ended: 'ANSWERED' }]);
  });
});

describe('a command’s latest time', () => {
  it('ends it: not handed out any more, then in history with its reason and an event', async () => {
    const device = await enrolled();
    const id = device.enrollmentId;
    await queue(device, 'soon', { expiresAt: at(hour) });
    await queue(device, 'ever');
    expect((await device.channel.poll())?.uuid).toBe(`soon-${id}`);
    await turn(device, 'expires_at', '0 seconds');
    expect((await device.channel.poll())?.uuid).toBe(`ever-${id}`);
    expect(await queueOf(server, id)).toEqual([`soon-${id}`, `ever-${id}`]);
    await sweep();
    expect(await queueOf(server, id)).toEqual([`ever-${id}`]);
    expect(await resultsOf(server, id)).toEqual([
      { uuid: `soon-${id}`, ended: 'EXPIRED', status: null, tally: 0, has_result: false },
    ]);
    expect((await eventsOf(server, id)).filter(({ type }) => type === 'CommandEnded')).toEqual([
      {
        type: 'CommandEnded',
        data: { reason: 'EXPIRED', requestType: 'ProfileList', notNowTally: 0 },
      },
    ]);
    await sweep();
    expect(await resultsOf(server, id)).toHaveLength(1);
  });

  it('keeps the tally of one that was put off', async () => {
    const device = await enrolled();
    await queue(device, 'soon', { expiresAt: at(hour) });
    await device.channel.report(`soon-${device.enrollmentId}`, { status: 'NotNow' });
    await turn(device, 'expires_at', '-1 second');
    await sweep();
    expect(await resultsOf(server, device.enrollmentId)).toMatchObject([
      { ended: 'EXPIRED', tally: 1 },
    ]);
  });

  it('lets a late result join the row that is there, once', async () => {
    const device = await enrolled();
    const id = device.enrollmentId;
    await queue(device, 'late', { expiresAt: at(hour) });
    await device.channel.poll();
    await turn(device, 'expires_at', '-1 second');
    await sweep();
    for (const status of ['Acknowledged', 'Error'] as const) {
      expect(await device.channel.report(`late-${id}`, { status })).toBeNull();
    }
    expect(await resultsOf(server, id)).toMatchObject([
      { ended: 'EXPIRED', status: 'Acknowledged', has_result: true },
    ]);
    const answered = (await eventsOf(server, id)).filter(({ type }) => type === 'CommandAnswered');
    expect(answered).toMatchObject([{ data: { late: true, ended: 'EXPIRED' } }]);
  });

  it('is no hindrance to a report that comes between it and the sweep', async () => {
    const device = await enrolled();
    await queue(device, 'close', { expiresAt: at(hour) });
    await device.channel.poll();
    await turn(device, 'expires_at', '-1 second');
    await device.channel.report(`close-${device.enrollmentId}`, { status: 'Acknowledged' });
    await sweep();
    expect(await resultsOf(server, device.enrollmentId)).toMatchObject([{ ended: 'ANSWERED' }]);
  });

  it('is kept by more commands than one sweep’s page', async () => {
    const device = await enrolled();
    await rowsOf(
      server,
      `with made as (
         insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
         select 'many-' || n, 'ProfileList', '', '', '', 'test' from generate_series(1, 2500) n
         returning key)
       insert into queue_entry (enrollment_key, urgency, command_key, expires_at)
       select e.key, 0, made.key, now() - interval '1 second'
       from made, enrollment e where e.id = $1`,
      [device.enrollmentId],
    );
    await sweep();
    expect(await queueOf(server, device.enrollmentId)).toEqual([]);
  });
});

describe('what an integrator says of a command’s time', () => {
  it('is kept with the command and with what waits for each target', async () => {
    const device = await enrolled();
    const timing = { priority: -3, notBefore: at(hour), expiresAt: at(2 * hour) };
    expect(await queue(device, 'kept', timing)).toMatchObject({ queuedCount: 1 });
    const kept = await rowsOf(
      server,
      `select c.priority, c.not_before, c.expires_at, q.urgency, q.not_before as entry_not_before,
         q.expires_at as entry_expires_at
       from command c join queue_entry q on q.command_key = c.key where c.uuid = $1`,
      [`kept-${device.enrollmentId}`],
    );
    const [notBefore, expiresAt] = [new Date(timing.notBefore), new Date(timing.expiresAt)];
    expect(kept).toEqual([
      {
        priority: -3,
        urgency: 3,
        not_before: notBefore,
        expires_at: expiresAt,
        entry_not_before: notBefore,
        entry_expires_at: expiresAt,
      },
    ]);
  });

  it.each<[what: string, timing: () => object, code: string, path: string]>([
    ['a priority above the highest', () => ({ priority: 1001 }), 'BAD_PRIORITY', 'priority'],
    ['a priority below the least', () => ({ priority: -1001 }), 'BAD_PRIORITY', 'priority'],
    ['an end in the past', () => ({ expiresAt: at(-1) }), 'EXPIRES_TOO_EARLY', 'expiresAt'],
    [
      'an end before the beginning',
      () => ({ notBefore: at(2 * hour), expiresAt: at(hour) }),
      'EXPIRES_TOO_EARLY',
      'expiresAt',
    ],
  ])('is refused with %s, also in a dry run', async (_what, timing, code, path) => {
    const device = await enrolled();
    for (const validateOnly of [false, true]) {
      const answer = await queue(device, 'bad', { ...timing(), validateOnly });
      expect(answer).toEqual({ __typename: 'ValidationError', code, path: ['input', path] });
    }
    expect(await queueOf(server, device.enrollmentId)).toEqual([]);
  });

  it.each([
    { priority: 1.5 },
    { priority: null },
    { priority: 2 ** 40 },
    { notBefore: 'tomorrow' },
    { notBefore: '2026-02-30T00:00:00Z' },
    { expiresAt: 1 },
    { notBefore: '-271821-04-20T00:00:00.000Z' },
    { expiresAt: '+275760-09-13T00:00:00.000Z' },
  ])('is never a fault of ours (%j)', async (timing) => {
    const device = await enrolled();
    const input = {
      targets: { ids: [device.enrollmentId] },
      command: { plist: aCommand(`odd-${device.enrollmentId}`) },
      push: false,
      ...timing,
    };
    const answer = await askServer(server, mutation, { input });
    expect(JSON.stringify(answer)).not.toContain('INTERNAL_SERVER_ERROR');
  });
});
