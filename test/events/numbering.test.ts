import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NumberedEvent } from '../../server/model/events.ts';
import { type News, numberEvents } from '../../server/store/events/number.ts';
import { readEvents } from '../../server/store/events/read.ts';
import { readStream } from '../../server/store/events/stream.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';
import { append, inTransaction } from './stored-events.ts';

describe.each(databaseLanes())('numbering on %s', (lane) => {
  let test: TestDatabase;
  let pool: pg.Pool;
  beforeAll(async () => {
    test = await testDatabase(lane);
    pool = new pg.Pool({ connectionString: test.url, max: 24 });
    pool.on('error', () => {});
  });
  afterAll(async () => {
    await pool.end();
    await test.drop();
  });

  async function numberAll(): Promise<void> {
    while ((await numberEvents(pool)).more);
  }

  it('numbers what is committed, in the order of its rows, a limited number at once', async () => {
    await numberAll();
    const { lastSeq } = await readStream(pool);
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await append(pool));
    expect(await numberEvents(pool, { limit: 3 })).toMatchObject({
      numbered: 3,
      lastSeq: lastSeq + 3n,
      busy: false,
      more: true,
      news: null,
    });
    expect(await numberEvents(pool, { limit: 3 })).toMatchObject({
      numbered: 2,
      lastSeq: lastSeq + 5n,
      busy: false,
      more: false,
      news: null,
    });
    const events = await readEvents(pool, { after: lastSeq, upTo: lastSeq + 5n, limit: 10 });
    expect(events.map(({ id }) => id)).toEqual(ids);
    expect((await readStream(pool)).lastSeq).toBe(lastSeq + 5n);
  });

  it('tells what it numbered, as a reader would read it, if that is asked for and not much', async () => {
    await numberAll();
    const { id, lastSeq } = await readStream(pool);
    expect((await numberEvents(pool, { tell: true })).news).toBeNull();
    for (let n = 0; n < 30; n += 1) await append(pool, { data: { n } });
    const told = await numberEvents(pool, { tell: true });
    expect(told).toMatchObject({ numbered: 30, lastSeq: lastSeq + 30n });
    const range = { after: lastSeq, upTo: told.lastSeq, limit: 200 };
    const news = { streamId: id, after: lastSeq, events: await readEvents(pool, range) };
    expect(told.news).toEqual(news);
    for (let n = 0; n < 31; n += 1) await append(pool);
    expect(await numberEvents(pool, { tell: true })).toMatchObject({ numbered: 31, news: null });
  });

  it('is quick when the table was known to be empty, as after an analysis of a new database', async () => {
    await pool.query('alter table event set (autovacuum_enabled = off)');
    await pool.query('truncate event');
    await pool.query('vacuum analyze event');
    const one = new pg.Pool({ connectionString: test.url, max: 1 });
    one.on('error', () => {});
    let pages = 0;
    const number = async () => {
      const numbering = await numberEvents(one, { pages });
      pages = numbering.pages;
      return numbering;
    };
    for (let n = 0; n < 10; n += 1) await number();
    await one.query(
      `insert into event (type, tenant_id, enrollment_key) select 'CommandAnswered', 1, 1 from generate_series(1, 20000)`,
    );
    // Each row read for each other one would be 20 million.
    const read = async () => {
      const { rows } = await one.query<{ rows: string }>(
        `select pg_stat_get_xact_tuples_returned('event'::regclass) as rows`,
      );
      return Number(rows[0]?.rows);
    };
    await one.query('begin');
    expect(await number()).toMatchObject({ numbered: 1000, more: true });
    const first = await read();
    expect(await number()).toMatchObject({ numbered: 1000, more: true });
    expect((await read()) - first).toBeLessThan(100_000);
    expect(first).toBeLessThan(100_000);
    await one.query('commit');
    while ((await number()).more);
    const { rows } = await one.query<{ name: string }>(
      `select name from pg_prepared_statements where name like 'number-%'`,
    );
    expect(rows.length).toBeLessThan(5);
    await one.end();
    await pool.query('alter table event reset (autovacuum_enabled)');
  });

  it('leaves out what is not committed yet, and numbers it when it is', async () => {
    const late = await pool.connect();
    await late.query('begin');
    const lateId = await append(late);
    await append(pool);
    await numberAll();
    const before = await readStream(pool);
    await late.query('commit');
    late.release();
    await numberAll();
    const found = await readEvents(pool, { after: before.lastSeq, upTo: 1n << 60n, limit: 10 });
    expect(found.map(({ id }) => id)).toEqual([lateId]);
  });

  it('writes nothing when nothing waits', async () => {
    await numberAll();
    const row = 'select ctid, xmin, xmax from event_stream';
    const before = await pool.query(row);
    expect((await numberEvents(pool)).numbered).toBe(0);
    expect((await pool.query(row)).rows).toEqual(before.rows);
  });

  it('does not wait for another who is numbering, and says so', async () => {
    await append(pool);
    await inTransaction(pool, async (holder) => {
      await holder.query('select * from event_stream for update');
      expect(await numberEvents(pool)).toMatchObject({ numbered: 0, busy: true });
    });
    expect(await numberEvents(pool)).toMatchObject({ numbered: 1, busy: false });
  });

  it('is not held up by long transactions elsewhere in the cluster', async () => {
    const elsewhere = new pg.Client({
      connectionString: test.url.replace(/\/graphmdm_test_\w+/, '/postgres'),
    });
    await elsewhere.connect();
    await elsewhere.query('begin; create temp table busy (n int); insert into busy values (1)');
    await inTransaction(pool, async (neighbour) => {
      await neighbour.query("insert into tenant (id, name) values (77, 'neighbour')");
      const { lastSeq } = await readStream(pool);
      const id = await append(pool);
      await numberAll();
      const events = await readEvents(pool, { after: lastSeq, upTo: lastSeq + 1n, limit: 10 });
      expect(events.map((event) => event.id)).toEqual([id]);
    });
    await elsewhere.query('rollback');
    await elsewhere.end();
  });

  it('neither misses nor doubles under writers with slow commits and many sequencers', async () => {
    await numberAll();
    const start = (await readStream(pool)).lastSeq;
    const written: bigint[] = [];
    let writing = true;
    let allNumbered = false;

    // Each enrolment's messages come one after the other, as a device sends them.
    async function write(writer: number): Promise<void> {
      for (let n = 0; n < 40; n += 1) {
        const enrollmentKey = BigInt(writer * 4 + (n % 4));
        const ids = await inTransaction(pool, async (client) => {
          const inserted = [];
          for (let part = 0; part <= n % 3; part += 1) {
            inserted.push(await append(client, { enrollmentKey, data: { n, part } }));
          }
          await client.query('select pg_sleep(random() * 0.03)');
          return inserted;
        });
        written.push(...ids);
      }
    }
    const told: (News & { readonly upTo: bigint })[] = [];
    async function sequence(limit: number, at: number): Promise<void> {
      while (writing) {
        const { news, lastSeq } = await numberEvents(pool, { limit, tell: at % 2 === 0 });
        if (news) told.push({ ...news, upTo: lastSeq });
      }
    }
    const positions = [start, start, start];
    async function read(reader: number): Promise<NumberedEvent[]> {
      const seen: NumberedEvent[] = [];
      for (;;) {
        const last = allNumbered;
        const after = positions[reader] ?? start;
        const stream = await readStream(pool);
        const events = await readEvents(pool, { after, upTo: stream.lastSeq, limit: 50 });
        seen.push(...events);
        if (last && events.length === 0) return seen;
        positions[reader] = events.length < 50 ? stream.lastSeq : (events.at(-1)?.seq ?? after);
      }
    }
    // What everybody has read is deleted, and its place in the pages given to new rows.
    async function free(): Promise<void> {
      while (writing) {
        await pool.query('delete from event where seq <= $1', [positions.toSorted(ascending)[0]]);
        await pool.query('vacuum event');
      }
    }

    const sequencers = [7, 7, 7, 20, 20].map(sequence);
    const readers = positions.map((_, reader) => read(reader));
    const freeing = free();
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
    writing = false;
    await Promise.all([...sequencers, freeing]);
    await numberAll();
    allNumbered = true;

    for (const seen of await Promise.all(readers)) {
      expect(seen.map(({ id }) => id).sort(ascending)).toEqual(written.toSorted(ascending));
      expect(seen.map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq).toSorted(ascending));
      expect(new Set(seen.map(({ seq }) => seq)).size).toBe(seen.length);
      const at = new Map<bigint | null, number>();
      for (const { enrollmentKey, data } of seen) {
        const place = Number(data['n']) * 10 + Number(data['part']);
        expect(place).toBeGreaterThan(at.get(enrollmentKey) ?? -1);
        at.set(enrollmentKey, place);
      }
      for (const { after, upTo, events } of told) {
        expect(events).toEqual(seen.filter(({ seq }) => seq > after && seq <= upTo));
      }
    }
    expect(told.length).toBeGreaterThan(0);
  });
});

describe.each(databaseLanes())('a numbering statement that was overtaken, on %s', (lane) => {
  let test: TestDatabase;
  let pool: pg.Pool;
  let gated: pg.Pool;
  beforeAll(async () => {
    test = await testDatabase(lane);
    pool = test.database.graph;
    gated = new pg.Pool({ connectionString: test.url, options: '-c test.gated=on' });
    gated.on('error', () => {});
    // Holds the statement between its snapshot and its lock on the stream's row.
    await pool.query(`
      create function gate() returns boolean volatile language plpgsql as $$ begin
        if current_setting('test.gated', true) = 'on' then
          perform pg_advisory_xact_lock_shared(1);
        end if;
        return true;
      end $$;
      alter table event_stream rename to event_stream_row;
      create view event_stream as select * from event_stream_row where gate()`);
  });
  afterAll(async () => {
    await gated.end();
    await test.drop();
  });

  it('numbers what is left, behind the numbers given meanwhile, and no row twice', async () => {
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push(await append(pool));
    const holder = await pool.connect();
    await holder.query('select pg_advisory_lock(1)');
    const overtaken = numberEvents(gated);
    const waiting = "select from pg_locks where locktype = 'advisory' and not granted";
    while ((await pool.query(waiting)).rowCount === 0);

    expect(await numberEvents(pool, { limit: 2 })).toMatchObject({ numbered: 2, lastSeq: 2n });
    ids.push(await append(pool));
    await holder.query('select pg_advisory_unlock(1)');
    holder.release();
    expect(await overtaken).toMatchObject({
      numbered: 1,
      lastSeq: 5n,
      busy: false,
      more: false,
      news: null,
    });
    expect(await numberEvents(pool)).toMatchObject({ numbered: 1, lastSeq: 6n });

    const events = await readEvents(pool, { after: 0n, upTo: 10n, limit: 10 });
    expect(events.map(({ id, seq }) => [id, seq])).toEqual([
      [ids[0], 1n],
      [ids[1], 2n],
      [ids[2], 5n],
      [ids[3], 6n],
    ]);
    expect((await readStream(pool)).lastSeq).toBe(6n);
  });

  it('changes nothing when all was numbered meanwhile', async () => {
    await append(pool);
    const holder = await pool.connect();
    await holder.query('select pg_advisory_lock(1)');
    const overtaken = numberEvents(gated);
    const waiting = "select from pg_locks where locktype = 'advisory' and not granted";
    while ((await pool.query(waiting)).rowCount === 0);
    const { lastSeq } = await numberEvents(pool);
    await holder.query('select pg_advisory_unlock(1)');
    holder.release();
    expect(await overtaken).toMatchObject({ numbered: 0, lastSeq, busy: false });
    expect((await readStream(pool)).lastSeq).toBe(lastSeq);
  });
});

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
