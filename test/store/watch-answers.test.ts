import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { isUnavailable } from '../../server/store/unavailable.ts';
import { watchAnswers } from '../../server/store/watch-answers.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';

const lock = 'select pg_advisory_lock(1)';

describe('a connection', () => {
  let store: TestDatabase;
  let holder: pg.Client;
  let client: pg.Client;

  beforeAll(async () => {
    store = await testDatabase();
  });
  afterAll(() => store.drop());

  beforeEach(async () => {
    holder = new pg.Client(store.url);
    client = new pg.Client(store.url);
    client.on('error', () => {});
    await Promise.all([holder.connect(), client.connect()]);
    watchAnswers(client, 4_000);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    await holder.query(lock);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all([holder.end(), client.end()]);
  });

  /** Asks for what the holder has, for so long, and then gets it. */
  async function waits(ms: number, config: string | object = lock): Promise<void> {
    const asked = client.query(config as pg.QueryConfig);
    vi.advanceTimersByTime(ms);
    await holder.query('select pg_advisory_unlock(1)');
    await asked;
    await client.query('select pg_advisory_unlock(1)');
    await holder.query(lock);
  }

  it('is kept as long as each statement is answered in time', async () => {
    await waits(3_000);
    await waits(3_000);
    await waits(3_000);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('is given up when a statement is not, with what waits behind it', async () => {
    await waits(3_000);
    const asked = client.query(lock);
    const behind = client.query('select 1');
    const told = Promise.allSettled([asked, behind]);
    vi.advanceTimersByTime(3_999);
    expect(client.getTransactionStatus()).not.toBeNull();
    vi.advanceTimersByTime(1);
    for (const outcome of await told) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: 'Query read timeout' },
      });
      expect(outcome.status === 'rejected' && isUnavailable(outcome.reason)).toBe(true);
    }
  });

  it('waits longer for a statement that says so, and not for the next', async () => {
    await waits(9_000, { text: lock, query_timeout: 10_000 });
    const asked = client.query(lock).catch((error: unknown) => error);
    vi.advanceTimersByTime(4_000);
    expect(String(await asked)).toContain('Query read timeout');
  });

  it('is watched as before when a statement could not even be sent', async () => {
    const broken = {
      toPostgres() {
        throw new Error('no value');
      },
    };
    await expect(client.query('select $1::text', [broken])).rejects.toThrow('no value');
    await expect((async () => client.query(null as unknown as string))()).rejects.toBeInstanceOf(
      TypeError,
    );
    const own = new pg.Query('select 1');
    Object.assign(own, { callback: () => {} });
    expect(() => client.query(own)).toThrow('a callback of their own');
    vi.advanceTimersByTime(20_000);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const asked = client.query(lock).catch((error: unknown) => error);
    vi.advanceTimersByTime(4_000);
    expect(String(await asked)).toContain('Query read timeout');
  });

  it('rests without a timer', async () => {
    await waits(1);
    vi.advanceTimersByTime(4_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('answers callbacks as it does promises', async () => {
    const values = await new Promise((resolve, reject) =>
      client.query('select $1::int as n', [1], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      ),
    );
    const none = await new Promise((resolve) =>
      client.query('select 1 / 0', (error) => resolve(error)),
    );
    expect(values).toEqual([{ n: 1 }]);
    expect(none).toMatchObject({ code: '22012' });
    await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
  });
});
