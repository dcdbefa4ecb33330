import { expect, it, onTestFinished } from 'vitest';
import { moveEnrollments } from '../access/graph-documents.ts';
import { cancelCommand } from '../commands/documents.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { testDatabase } from '../harness/database.ts';
import { hold, waitsForRows } from '../harness/held.ts';
import { scratchFolder, startProcess } from '../harness/process.ts';
import { adminToken } from '../harness/server.ts';
import { ended } from '../migration/stage.ts';

/** Of each fleet; the jobs have three pages of them. */
const size = 2_200;
const moved = 1_200;

it('a job goes on in another process when its own is killed in the middle, each subject once', {
  timeout: 90_000,
}, async () => {
  const store = await testDatabase();
  onTestFinished(() => store.drop());
  const { graph: pool } = store.database;
  const sql = async (text: string, values: unknown[] = []) => (await pool.query(text, values)).rows;
  await sql(`insert into tenant (id, name) values (7, 'there')`);
  for (const [name, count] of [
    ['CANCEL', size],
    ['MOVE', moved],
  ] as const) {
    await sql(
      `insert into enrollment (id, tenant_id, kind, enabled, model)
       select $1 || '-' || n, 1, 'DEVICE', true, $1 from generate_series(1, $2::int) n`,
      [name, count],
    );
    await sql(
      `with c as (insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
         values ($1, 'ProfileList', '', '', '', 'test') returning key)
       insert into queue_entry (enrollment_key, urgency, command_key)
       select e.key, 0, c.key from enrollment e, c where e.model = $1`,
      [name],
    );
  }
  const start = async () => {
    const flags = ['--listen', '127.0.0.1:0', '--data-dir', scratchFolder()];
    const process = startProcess([...flags, '--database-url', store.url], {
      env: {
        GRAPHMDM_ADMIN_TOKEN: adminToken,
        GRAPHMDM_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      },
    });
    const { url, graphqlUrl } = await process.listening;
    return { process, url, graphqlUrl };
  };

  const first = await start();
  // Both stand still in their second page.
  const held = await hold(
    pool,
    `select 1 from queue_entry q join enrollment e on e.key = q.enrollment_key
     where e.id in ('CANCEL-1500', 'MOVE-700') for update of q`,
  );
  const { cancelCommand: cancelling } = await dataOf(
    ask({ url: first.graphqlUrl }, adminToken, cancelCommand, {
      input: {
        ...{ commandUuid: 'CANCEL', targets: { all: true } },
        ...{ channels: 'ALL', validateOnly: false },
      },
    }),
  );
  const { moveEnrollments: moving } = await dataOf(
    ask({ url: first.graphqlUrl }, adminToken, moveEnrollments, {
      input: {
        ...{ targets: { filter: { models: ['MOVE'] } }, expectedCount: moved },
        ...{ toTenantId: '7', validateOnly: false },
      },
    }),
  );
  if (!('count' in cancelling) || !('movedCount' in moving) || !cancelling.job || !moving.job) {
    throw new Error(JSON.stringify({ cancelling, moving }));
  }
  const jobs = [
    { jobId: cancelling.job.jobId, cursor: cancelling.cursor },
    { jobId: moving.job.jobId, cursor: moving.cursor },
  ];
  await waitsForRows(pool, '%for update of q%');
  await waitsForRows(pool, '%where enrollment_key = any($1::bigint[])%for update%');
  first.process.signal('SIGKILL');
  expect((await first.process.ended).signal).toBe('SIGKILL');
  expect(await sql('select kind, state, done from job order by kind')).toEqual([
    { kind: 'CANCEL_COMMAND', state: 'RUNNING', done: 1_000 },
    { kind: 'MOVE_ENROLLMENTS', state: 'RUNNING', done: 500 },
  ]);

  // As time does: nobody keeps the leases.
  await sql('update job set lease_until = now()');
  await held.release();
  const second = await start();
  const [cancelled, arrived] = await Promise.all(jobs.map((job) => ended(second, job)));
  expect(cancelled).toMatchObject({ state: 'SUCCEEDED', done: size, failed: 0, total: size });
  expect(arrived).toMatchObject({ state: 'SUCCEEDED', done: moved, failed: 0, total: moved });
  const standing = await sql(
    `select c.uuid, r.ended, e.tenant_id, count(*)::int as count, sum(told.count)::int as told
     from enrollment e join command c on c.uuid = e.model
     join command_result r on r.enrollment_key = e.key and r.command_key = c.key
     cross join lateral (select count(*) from event v
       where v.enrollment_key = e.key and v.type in ('CommandEnded', 'EnrollmentMoved')) told
     group by 1, 2, 3 order by 1`,
  );
  expect(standing).toEqual([
    { uuid: 'CANCEL', ended: 'CANCELLED', tenant_id: 1, count: size, told: size },
    // Each tells of its command's end, and of its move in both tenants.
    { uuid: 'MOVE', ended: 'MOVED', tenant_id: 7, count: moved, told: 3 * moved },
  ]);
  expect(await sql('select 1 from queue_entry')).toEqual([]);
  expect((await second.process.stop()).status).toBe(0);
});
