import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startJobs, type JobKind } from '../../server/jobs/runner.ts';
import { silentLog } from '../../server/model/log.ts';
import { insertJob, JobFailed } from '../../server/store/jobs/jobs.ts';
import { turnedClock } from '../events/turned-clock.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await testDatabase();
});
afterAll(() => test.drop());

describe('a job of a process that stops', () => {
  it.each([
    ['is left to others when it fails for that', new Error('broken off'), 'QUEUED'],
    ['has failed when it says so', new JobFailed('WRONG', 'It makes no sense.'), 'FAILED'],
  ])('%s', async (_, error, state) => {
    const pool = test.database.graph;
    const id = randomUUID();
    const job = { id, tenantId: null, kind: 'PROBE', input: {}, total: 1, createdBy: 'test' };
    await insertJob(pool, job);
    const begun = new EventTarget();
    const probe: JobKind = async ({ signal }) => {
      begun.dispatchEvent(new Event('begun'));
      await once(signal, 'abort');
      throw error;
    };
    const runner = startJobs(pool, new Map([['PROBE', probe]]), {
      ...{ clock: turnedClock(), log: silentLog, committed() {} },
    });
    const hasBegun = once(begun, 'begun');
    runner.kick();
    await hasBegun;
    await runner.stop();
    const { rows } = await pool.query('select state, holder from job where id = $1', [id]);
    expect(rows).toEqual([{ state, holder: null }]);
    await pool.query('delete from job');
  });
});
