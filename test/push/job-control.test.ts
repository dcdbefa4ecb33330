import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gate } from '../apns/waits.ts';
import { type Apple, startApple } from './apple.ts';
import { cancel, job, jobs, pause, push, resume } from './documents.ts';
import { idsNamed, pushables, type PushServer, startPushServer } from './push-server.ts';

describe('cancelJob, pauseJob and resumeJob', () => {
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

  /** A job over 3,000, most of which Apple does not answer before the gate is opened. */
  async function heldJob(name: string) {
    const devices = await pushables(server.store, idsNamed(name, 3_000));
    const tokens = new Set(devices.map(({ pushToken }) => pushToken.toString('hex')));
    const { opened, open } = gate();
    const begun = gate();
    apple.rules.unshift(({ token }) => {
      if (!tokens.has(token)) return undefined;
      begun.open();
      return { do: 'accept', after: opened };
    });
    const { pushEnrollments: outcome } = await server.ask(push, {
      input: {
        targets: { ids: devices.map(({ id }) => id) },
        channels: 'DEVICE',
        validateOnly: false,
      },
    });
    if (outcome.__typename !== 'PushEnrollmentsPayload') throw new Error(JSON.stringify(outcome));
    await begun.opened;
    return { devices, open, id: outcome.job?.jobId ?? '', cursor: outcome.cursor };
  }

  const standing = async (id: string) => (await server.ask(job, { id })).job;

  it('a cancelled job ends with what it had under way, and its counts say so', async () => {
    const { devices, open, id, cursor } = await heldJob('cancel');
    expect((await server.ask(cancel, { id })).cancelJob).toMatchObject({
      job: { state: 'CANCELLED' },
    });
    open();
    const pushed = () => devices.filter((one) => apple.countOf(one) > 0).length;
    await apple.pushedTo(devices[0] ?? { pushToken: Buffer.alloc(0) });
    let now = await standing(id);
    while (now?.done !== pushed() || now.done === 0) now = await standing(id);
    expect(now).toMatchObject({ state: 'CANCELLED', failed: 0, total: 3_000 });
    expect(now.done).toBeLessThan(3_000);
    expect(now.finishedAt).not.toBeNull();
    expect(devices.every((one) => apple.countOf(one) <= 1)).toBe(true);
    expect(await server.ended(id, cursor)).toMatchObject({ state: 'CANCELLED' });
    const conflict = { __typename: 'ConflictError', code: 'JOB_STATE' };
    expect((await server.ask(cancel, { id })).cancelJob).toMatchObject(conflict);
    expect((await server.ask(pause, { id })).pauseJob).toMatchObject(conflict);
    expect((await server.ask(resume, { id })).resumeJob).toMatchObject(conflict);
  });

  it('a paused job stands still; resumed, it reaches all the others, and nobody twice', async () => {
    const { devices, open, id, cursor } = await heldJob('pause');
    expect((await server.ask(pause, { id })).pauseJob).toMatchObject({ job: { state: 'PAUSED' } });
    const paused = await server.ask(jobs, { states: ['PAUSED'], kinds: ['PUSH'] });
    expect(paused.jobs.edges?.map((edge) => edge?.node?.jobId)).toEqual([id]);
    // Also while pushes of its first run are still under way.
    expect((await server.ask(resume, { id })).resumeJob).toMatchObject({
      __typename: 'JobPayload',
    });
    open();
    expect(await server.ended(id, cursor)).toMatchObject({
      state: 'SUCCEEDED',
      done: 3_000,
      failed: 0,
      total: 3_000,
    });
    await Promise.all(devices.map((one) => apple.pushedTo(one)));
    expect(devices.every((one) => apple.countOf(one) === 1)).toBe(true);
  });

  it('what is no job of this token’s is not found', async () => {
    const { open, id, cursor } = await heldJob('foreign');
    const foreign = await server.token(5);
    for (const one of [id, 'no job', '00000000-0000-4000-8000-000000000000']) {
      expect((await server.ask(cancel, { id: one }, foreign)).cancelJob).toMatchObject({
        __typename: 'NotFoundError',
        code: 'UNKNOWN_JOB',
      });
      expect((await server.ask(job, { id: one }, foreign)).job).toBeNull();
    }
    open();
    expect(await server.ended(id, cursor)).toMatchObject({ state: 'SUCCEEDED' });
  });
});
