import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Viewer } from '../../server/model/viewer.ts';
import { readAnswers } from '../../server/store/inventory/answers.ts';
import { resultKey, resultsByKey, resultsWithReports } from '../../server/store/read/results.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';

const viewer: Viewer = { tenant: null, scopes: new Set(), actor: 'test', tokenId: null };

describe.each(databaseLanes())('results of a live page, on %s', (lane) => {
  let test: TestDatabase;
  let one: pg.Pool;

  beforeAll(async () => {
    test = await testDatabase(lane);
    one = new pg.Pool({ connectionString: test.url, max: 1 });
    one.on('error', () => {});
    const answers = (first: number, last: number) =>
      one.query(
        `insert into command_result (enrollment_key, command_key, ended, status, result, queued_at, answered_at)
       select e.key, c.key, 'ANSWERED', 'Acknowledged', '', now(), now()
       from generate_series($1::int, $2::int) n join enrollment e on e.id = 'D-' || n cross join command c`,
        [first, last],
      );
    await one.query(`
    alter table command_result set (autovacuum_enabled = off);
    alter table command set (autovacuum_enabled = off);
    insert into enrollment (id, tenant_id, kind, enabled)
      select 'D-' || n, 1, 'DEVICE', true from generate_series(1, 500) n;
    insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256, created_by)
      select 'C-' || n, 1, 'ProfileList', '', '', '', 'test' from generate_series(1, 60) n`);
    // What PostgreSQL knows is from when the commands had just been sent.
    await answers(1, 40);
    await one.query('analyze enrollment');
    await one.query('analyze command_result');
    await answers(41, 500);
  });
  afterAll(async () => {
    await one.end();
    await test.drop();
  });

  /** Pages of 8 KB that a prepared statement touches. */
  async function pagesOf(statement: string): Promise<number> {
    await one.query('set plan_cache_mode = force_generic_plan');
    const { rows } = await one.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
      `explain (analyze, buffers, format json) execute ${statement}`,
    );
    const { Plan: plan } = rows[0]?.['QUERY PLAN'][0] ?? { Plan: {} };
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  }

  it('are looked up one by one, however many have answered the same command', async () => {
    const { rows } = await one.query<{ enrollment_key: string; command_key: string }>(
      `select enrollment_key, command_key from command_result r join enrollment e on e.key = enrollment_key
       where e.id in ('D-100', 'D-250', 'D-499') and command_key = (select max(key) from command)`,
    );
    const keys = rows.map((row) => ({
      enrollmentKey: BigInt(row.enrollment_key),
      commandKey: BigInt(row.command_key),
    }));
    expect((await resultsByKey(one, viewer, keys.map(resultKey))).size).toBe(3);
    expect(await resultsWithReports(one, viewer, keys.map(resultKey))).toHaveLength(3);
    expect(await readAnswers(one, keys, 1000, [])).toHaveLength(3);
    const list = (name: 'enrollmentKey' | 'commandKey') =>
      `'{${keys.map((key) => key[name]).join()}}'`;
    const pairs = `${list('enrollmentKey')}, ${list('commandKey')}`;
    for (const statement of [
      `"results" (${pairs})`,
      `"results-with-reports" (${pairs})`,
      `"read-answers" (${pairs}, 1000, '{}')`,
    ]) {
      const pages = await pagesOf(statement);
      expect(pages).toBeGreaterThan(3);
      expect(pages).toBeLessThan(100);
    }
  });
});
