import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../server/access/tokens.ts';
import { type Scope, scopes } from '../../server/model/viewer.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { aCommand } from '../build/commands.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { enqueueOne, exportAll, job, pause, resume } from './documents.ts';
import { bringIn, ended, graphOf } from './stage.ts';

describe('an export', () => {
  let here: TestServer;
  let there: TestServer;
  beforeAll(async () => {
    here = await startServer();
    there = await startServer({ authority: here.authority });
  });
  afterAll(async () => {
    await here.stop();
    await there.stop();
  });

  async function asked(server: TestServer, more: object = {}, token = adminToken) {
    const input = {
      targets: { all: true },
      channels: 'ALL',
      validateOnly: false,
      ...more,
    } as const;
    const { exportEnrollments: answer } = await dataOf(
      ask(graphOf(server), token, exportAll, { input }),
    );
    return answer;
  }

  const fetched = (server: TestServer, url: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${url}`, {
      headers: { Authorization: `Bearer ${adminToken}`, ...headers },
    });

  /** The lines of an export, in an order of their own. */
  async function exported(server: TestServer): Promise<readonly string[]> {
    const answer = await asked(server);
    if (answer.__typename !== 'ExportEnrollmentsPayload' || !answer.job || !answer.url) {
      throw new Error(JSON.stringify(answer));
    }
    const done = await ended(server, { jobId: answer.job.jobId, cursor: answer.cursor });
    expect(done).toMatchObject({ state: 'SUCCEEDED', done: answer.targetCount, failed: 0 });
    const text = await (await fetched(server, answer.url)).text();
    return text.trimEnd().split('\n').toSorted();
  }

  async function enqueued(server: TestServer, ids: readonly string[], uuid: string): Promise<void> {
    const input = { targets: { ids: [...ids] }, command: { plist: aCommand(uuid) } };
    const { enqueueCommand: answer } = await dataOf(
      ask(graphOf(server), adminToken, enqueueOne, { input }),
    );
    expect(answer.__typename).toBe('EnqueueCommandPayload');
  }

  it('imported into an empty server lets devices go on, and is the same again', async () => {
    const device = await here.device(1);
    const gone = await here.device(2);
    const id = device.enrollmentId;
    await device.enrol();
    expect((await device.tokenUpdate({ UnlockToken: Buffer.from('unlock') })).status).toBe(200);
    await device.setBootstrapToken(Buffer.from('bootstrap'));
    const user = device.user({ id: 'u1', shortName: 'ann', longName: 'Ann' });
    expect((await user.tokenUpdate()).status).toBe(200);
    await gone.enrol();
    await gone.checkOut();
    for (const uuid of ['E-1', 'E-2', 'E-3']) await enqueued(here, [id, `${id}:u1`], uuid);
    expect(await device.channel.poll()).toMatchObject({ uuid: 'E-1' });
    expect(await device.channel.report('E-1', { status: 'Acknowledged' })).toMatchObject({
      uuid: 'E-2',
    });
    expect(await device.channel.report('E-2', { status: 'NotNow' })).toMatchObject({ uuid: 'E-3' });

    const lines = await exported(here);
    expect(await bringIn(there, lines)).toMatchObject({ errors: [], total: lines.length });
    const same = await there.device(1, { identity: device.identity });
    expect(await same.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
    // What was put off is passed over until the device has answered something else.
    expect(await same.channel.report('E-3', { status: 'Error' })).toMatchObject({ uuid: 'E-2' });
    expect(await same.channel.report('E-2', { status: 'Acknowledged' })).toBeNull();
    const moved = same.user({ id: 'u1', shortName: 'ann', longName: 'Ann' });
    expect((await moved.connect()).map(({ command }) => command.uuid)).toEqual([
      'E-1',
      'E-2',
      'E-3',
    ]);
    const { rows } = await there.store.database.graph.query(
      `select enabled, push_token, unlock_token is not null as unlock from enrollment
       where id = any($1) order by id = $2 desc`,
      [[id, gone.enrollmentId], id],
    );
    expect(rows[0]).toMatchObject({ enabled: true, push_token: device.pushToken, unlock: true });
    expect(rows[1]).toMatchObject({ enabled: false });
  });

  it('of what was imported is equal, line for line', async () => {
    const lines = await exported(here);
    const third = await startServer({ authority: here.authority });
    try {
      await bringIn(third, lines);
      expect(await exported(third)).toEqual(lines);
    } finally {
      await third.stop();
    }
  });

  it('has every command that a queue or a result in it names, whenever that came to be', async () => {
    const { graph } = here.store.database;
    const { enrollmentId } = await here.device(1);
    const client = await graph.connect();
    const waits = async () => {
      const { rowCount } = await graph.query(
        `select from pg_stat_activity where datname = current_database()
           and wait_event_type = 'Lock' and query like 'insert into export_page%'`,
      );
      return rowCount !== 0;
    };
    try {
      // It is stopped at its first page, to hold its third one back until there is one command more.
      await client.query('begin');
      await client.query('lock table export_page in share mode');
      const answer = await asked(here);
      if (answer.__typename !== 'ExportEnrollmentsPayload' || !answer.job) throw new Error('none');
      const { jobId } = answer.job;
      while (!(await waits()));
      await dataOf(ask(graphOf(here), adminToken, pause, { input: { jobId } }));
      await client.query('commit');
      const first = 'select from export_page where job_id = $1';
      while ((await graph.query(first, [jobId])).rowCount === 0);
      await client.query('begin');
      await client.query(`insert into export_page values ($1, 2, '')`, [jobId]);
      await dataOf(ask(graphOf(here), adminToken, resume, { input: { jobId } }));
      while (!(await waits()));
      await enqueued(here, [enrollmentId], 'E-MEANWHILE');
      await client.query('rollback');
      await ended(here, { jobId, cursor: answer.cursor });
      const text = await (await fetched(here, answer.url ?? '')).text();
      const records = text
        .trimEnd()
        .split('\n')
        .map((line): { kind: string; commandUuid: string } => JSON.parse(line));
      const named = (...kinds: readonly string[]) =>
        records.flatMap(({ kind, commandUuid }) => (kinds.includes(kind) ? commandUuid : []));
      const commands = new Set(named('command'));
      expect(named('queueEntry', 'result').filter((uuid) => !commands.has(uuid))).toEqual([]);
    } finally {
      client.release();
    }
  });

  it('of which a part is gone is never given as if it were whole', async () => {
    const { graph } = here.store.database;
    const answer = await asked(here);
    if (answer.__typename !== 'ExportEnrollmentsPayload' || !answer.job) throw new Error('none');
    const { jobId } = answer.job;
    await ended(here, { jobId, cursor: answer.cursor });
    expect((await fetched(here, answer.url ?? '')).status).toBe(200);
    await graph.query('delete from export_page where job_id = $1 and page = 2', [jobId]);
    expect((await fetched(here, answer.url ?? '')).status).toBe(410);
  });

  it('needs a token for secrets, is of its tenant, leaves a trace, and ends', async () => {
    const pool = here.store.database.graph;
    const token = async (wanted: readonly Scope[], tenant: number | null) => {
      const made = await createToken((one) => insertToken(pool, one), {
        name: randomBytes(4).toString('hex'),
        scopes: wanted,
        tenant,
        expiresAt: null,
      });
      return made.token;
    };
    const narrow = await token(
      scopes.filter((one) => one !== 'commands:read'),
      null,
    );
    expect(await asked(here, {}, narrow)).toMatchObject({ code: 'MISSING_SCOPE' });
    expect(await asked(here, { targets: { ids: ['NOBODY'] } })).toMatchObject({
      code: 'UNKNOWN_ENROLLMENT',
    });
    expect(await asked(here, { validateOnly: true })).toMatchObject({ url: null, targetCount: 3 });
    const answer = await asked(here, { targets: { ids: [(await here.device(1)).enrollmentId] } });
    if (answer.__typename !== 'ExportEnrollmentsPayload' || !answer.job) throw new Error('none');
    const url = answer.url ?? '';
    await ended(here, { jobId: answer.job.jobId, cursor: answer.cursor });
    expect((await fetched(here, '/exports/none')).status).toBe(404);
    expect((await fetched(here, url, { Authorization: 'Bearer none' })).status).toBe(401);
    const by = async (one: string) =>
      (await fetched(here, url, { Authorization: `Bearer ${one}` })).status;
    expect(await by(narrow)).toBe(403);
    await pool.query(`insert into tenant (id, name) values (9, 'other')`);
    expect(await by(await token(scopes, 9))).toBe(404);
    const gzip = await fetched(here, url, { 'Accept-Encoding': 'gzip' });
    expect(gzip.headers.get('content-encoding')).toBe('gzip');
    expect(await gzip.text()).toContain('"kind":"tokenUpdate"');
    const { rows } = await pool.query(
      `select action from audit_entry where details->>'jobId' = $1 order by key`,
      [answer.job.jobId],
    );
    expect(rows.map(({ action }) => action)).toEqual(['exportEnrollments', 'fetchExport']);
    const { job: found } = await dataOf(
      ask(graphOf(here), adminToken, job, { id: answer.job.jobId }),
    );
    expect(found).toMatchObject({ kind: 'EXPORT', done: 1, total: 1 });
    await pool.query('delete from export_page');
    expect((await fetched(here, url)).status).toBe(410);
    await pool.query(
      `update job set state = 'RUNNING', holder = 'x', lease_until = now() + interval '1 hour' where id = $1`,
      [answer.job.jobId],
    );
    expect((await fetched(here, url)).status).toBe(409);
  });
});
