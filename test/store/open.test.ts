import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StartupError } from '../../server/model/errors.ts';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { connect, openDatabase } from '../../server/store/open.ts';
import { withTransaction } from '../../server/store/transaction.ts';
import { isUnavailable, sqlState } from '../../server/store/unavailable.ts';
import { databaseLanes, emptyDatabase, type TestDatabase } from '../harness/database.ts';

const watchers = { log: silentLog, metrics: noMetrics };
const open = (databaseUrl: string) =>
  openDatabase({ databaseUrl, dataDir: '/nowhere', ...watchers });

async function failure(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => null,
    (error: unknown) => error,
  );
}

describe.each(databaseLanes())('a database on the %s PostgreSQL', (lane) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await emptyDatabase(lane);
    await test.database.graph.query('create table t (id int primary key, n int not null)');
    await test.database.graph.query('insert into t values (1, 0), (2, 0)');
  });
  afterAll(() => test.drop());

  it('is opened by its URL', async () => {
    const database = await open(test.url);
    const { rows } = await database.hot.query('select current_setting($1) as name', [
      'application_name',
    ]);
    expect(rows).toEqual([{ name: 'graphmdm' }]);
    await database.close();
  });

  it('gives devices 2 s and plans that do not depend on the size of a table, the graph 15 s', async () => {
    const settings = `select current_setting('statement_timeout') as time,
      current_setting('enable_seqscan') as seqscan, current_setting('plan_cache_mode') as plans`;
    const hot = await test.database.hot.query(settings);
    const graph = await test.database.graph.query(settings);
    expect(hot.rows).toEqual([{ time: '2s', seqscan: 'off', plans: 'force_generic_plan' }]);
    expect(graph.rows).toEqual([{ time: '15s', seqscan: 'on', plans: 'auto' }]);
  });

  it('outlives the loss of an idle connection', async () => {
    const { rows } = await test.database.hot.query<{ pid: number }>(
      'select pg_backend_pid() as pid',
    );
    const lost = new Promise((resolve) => test.database.hot.once('error', resolve));
    await test.database.graph.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    expect(isUnavailable(await lost)).toBe(true);
    expect((await test.database.hot.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it.each(['while the transaction rests', 'in the middle of a statement'])(
    'outlives the loss of a connection %s',
    async (when) => {
      const { graph, hot } = test.database;
      const lost = withTransaction(graph, async (client) => {
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
        const ended = new Promise((resolve) => client.once('end', resolve));
        const running = when.includes('statement') ? client.query('select pg_sleep(60)') : null;
        running?.catch(() => {});
        await hot.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        await ended;
        await (running ?? client.query('select 1'));
      });
      expect(isUnavailable(await failure(lost))).toBe(true);
      expect((await graph.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    },
  );

  it('commits a transaction whole, or nothing of it', async () => {
    const { graph } = test.database;
    await withTransaction(graph, (client) => client.query('update t set n = 1 where id = 1'));
    const error = await failure(
      withTransaction(graph, async (client) => {
        await client.query('update t set n = 2 where id = 1');
        await client.query('select 1 / 0');
      }),
    );
    expect(sqlState(error)).toBe('22012');
    expect(isUnavailable(error)).toBe(false);
    expect((await graph.query('select n from t where id = 1')).rows).toEqual([{ n: 1 }]);
  });

  it('runs a transaction again that lost a deadlock', async () => {
    const { graph } = test.database;
    await graph.query('update t set n = 0');
    let bothHold = () => {};
    const meeting = new Promise<void>((resolve) => {
      bothHold = resolve;
    });
    let holding = 0;
    let runs = 0;
    const inOrder = (first: number, second: number) =>
      withTransaction(graph, async (client) => {
        runs++;
        await client.query('update t set n = n + 1 where id = $1', [first]);
        if (++holding === 2) bothHold();
        await meeting;
        await client.query('update t set n = n + 1 where id = $1', [second]);
      });
    await Promise.all([inOrder(1, 2), inOrder(2, 1)]);
    expect(runs).toBe(3);
    expect((await graph.query('select n from t order by id')).rows).toEqual([{ n: 2 }, { n: 2 }]);
  });

  it('that does not exist is refused at once', async () => {
    const error = await failure(open(test.url.replace(/graphmdm_test_\w+/, 'graphmdm_test_none')));
    expect(error).toBeInstanceOf(StartupError);
    expect(String(error)).toMatch(/DATABASE_URL.*does not exist/);
  });
});

describe('a server that cannot be used', () => {
  it('is refused without telling the password', async () => {
    const error = await failure(open('postgresql://user:hunter2@name.invalid/mdm'));
    expect(error).toBeInstanceOf(StartupError);
    expect(String(error)).toContain('DATABASE_URL');
    expect(String(error)).not.toContain('hunter2');
  });

  it('counts as away when it hangs up or is not there', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const database = connect({ host: '127.0.0.1', port: port ?? 0, user: 'u' }, 'server', watchers);
    expect(isUnavailable(await failure(database.hot.query('select 1')))).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(isUnavailable(await failure(database.hot.query('select 1')))).toBe(true);
    await database.close();
    expect(isUnavailable(await failure(database.hot.query('select 1')))).toBe(true);
  });
});

describe('an error', () => {
  const withCode = (code: string, cause?: unknown) =>
    Object.assign(new Error('x', cause === undefined ? {} : { cause }), { code });

  it.each(['ECONNREFUSED', '57P01', '57P03', '53300', '08006', '25006', 'P1001'])(
    'with the code %s says that the database is away',
    (code) => {
      expect(isUnavailable(withCode(code))).toBe(true);
      expect(isUnavailable(new Error('wrapped', { cause: withCode(code) }))).toBe(true);
      expect(isUnavailable(new AggregateError([withCode(code)]))).toBe(true);
    },
  );

  it.each(['23505', '57014', '40001', '22P02', 'P2002'])('with the code %s does not', (code) =>
    expect(isUnavailable(withCode(code))).toBe(false),
  );

  it('has the SQLSTATE of its cause, and Prisma’s codes are none', () => {
    expect(sqlState(withCode('P2002', withCode('23505')))).toBe('23505');
    expect(sqlState(withCode('EPIPE'))).toBeNull();
    expect(sqlState('text')).toBeNull();
  });
});
