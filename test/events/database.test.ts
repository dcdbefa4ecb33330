import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWanted } from '../../server/events/interest.ts';
import { type Events, openEvents } from '../../server/events/open.ts';
import { localWakeUps } from '../../server/events/wake-ups-local.ts';
import { redisWakeUps } from '../../server/events/wake-ups-redis.ts';
import type { WakeUps } from '../../server/events/wake-ups.ts';
import { systemClock } from '../../server/model/clock.ts';
import type { EventFilter, EventType } from '../../server/model/events.ts';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { numberEvents } from '../../server/store/events/number.ts';
import { readEvents } from '../../server/store/events/read.ts';
import { readStream } from '../../server/store/events/stream.ts';
import { databaseLanes, redisUrl, type TestDatabase, testDatabase } from '../harness/database.ts';
import { consume, until } from './consumer.ts';
import { append } from './stored-events.ts';

const types: EventType[] = ['CommandAnswered', 'CommandEnqueued', 'CommandEnded'];

describe.each(databaseLanes())('events in %s', (lane) => {
  let test: TestDatabase;
  let pool: pg.Pool;
  beforeAll(async () => {
    test = await testDatabase(lane);
    pool = test.database.graph;
    await pool.query(`
      insert into enrollment (id, kind, tenant_id)
        select 'device-' || n, 'DEVICE', 1 + n % 2 from generate_series(1, 4) n;
      insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256, created_by)
        select 'command-' || n, 1 + n % 2, 'DeviceInformation', '', '', '', 'test'
        from generate_series(1, 3) n`);
  });
  afterAll(() => test.drop());

  async function truncate(): Promise<void> {
    await pool.query('delete from event; update event_stream set last_seq = 0');
  }

  it('are read with the natural keys of what they are about, filtered as live ones are', async () => {
    await truncate();
    for (let n = 0; n < 60; n += 1) {
      await append(pool, {
        type: types[n % 3] ?? 'CommandEnded',
        tenant: 1 + (n % 2),
        enrollmentKey: n % 5 === 0 ? null : BigInt(n % 5),
        commandKey: n % 7 > 3 || n % 7 === 0 ? null : BigInt(n % 7),
        data: { n },
      });
    }
    await numberEvents(pool);
    const all = await readEvents(pool, { after: 0n, upTo: 60n, limit: 100 });
    expect(all).toHaveLength(60);
    expect(all[1]).toMatchObject({
      enrollmentId: 'device-1',
      commandUuid: 'command-1',
      data: { n: 1 },
    });
    expect(all[0]).toMatchObject({ enrollmentId: null, commandUuid: null });

    const some = <T>(values: readonly T[]) =>
      fc.subarray([...values]).map((chosen) => new Set(chosen));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, null),
        fc.record<EventFilter, never>(
          {
            types: some(types),
            enrollmentIds: some(['device-1', 'device-2', 'device-9']),
            commandUuids: some(['command-1', 'command-3', 'command-9']),
          },
          { requiredKeys: [] },
        ),
        fc.bigInt({ min: 0n, max: 60n }),
        fc.integer({ min: 1, max: 40 }),
        async (tenant, filter, after, limit) => {
          const range = { after, upTo: 55n, limit, tenant, filter };
          const wanted = all.filter(
            (event) => event.seq > after && event.seq <= 55n && isWanted({ tenant, filter }, event),
          );
          expect(await readEvents(pool, range)).toEqual(wanted.slice(0, limit));
        },
      ),
    );
  });

  it('are found by their number and numbered by their index, whatever the size', async () => {
    await truncate();
    await pool.query(`
      insert into event (seq, type, tenant_id, enrollment_key)
        select n, 'CommandAnswered', 1, n % 4 from generate_series(1, 100000) n;
      update event_stream set last_seq = 100000;
      analyze event`);
    const one = new pg.Pool({ connectionString: test.url, max: 1 });
    one.on('error', () => {});
    await append(one);
    await numberEvents(one, { pages: 1 });
    await readEvents(one, { after: 5n, upTo: 9n, limit: 2 });
    await one.query('set plan_cache_mode = force_generic_plan');
    for (const statement of [
      'execute "number-events-1000-0"',
      `execute "read-events" (50000, 60000, 500, 1, null, '{device-1}', null, null)`,
      'execute "read-events" (50000, 60000, 500, null, null, null, null, null)',
    ]) {
      const { rows } = await one.query<{ 'QUERY PLAN': string }>(`explain ${statement}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/event_seq_key|event_unnumbered_idx/);
      expect(plan).not.toMatch(/Seq Scan on event /);
      if (statement.includes('read')) expect(plan).not.toContain('Sort');
    }
    await one.end();
  });

  // On a server that others use too, a long transaction of theirs keeps what is dead from being passed over.
  it.runIf(lane === 'embedded')('are numbered as cheaply long after the last vacuum', async () => {
    await truncate();
    await pool.query(`
      alter table event set (autovacuum_enabled = off);
      -- Rows lie in no order, as after many numberings.
      insert into event (id, seq, type, tenant_id, enrollment_key) overriding system value
        select -n, n, 'CommandAnswered', 1, n % 4 from generate_series(1, 10000) n
        order by md5(n::text);
      update event_stream set last_seq = 10000;
      insert into event (type, tenant_id, enrollment_key)
        select 'CommandAnswered', 1, 1 from generate_series(1, 10);
      analyze event`);
    const one = new pg.Pool({ connectionString: test.url, max: 1 });
    one.on('error', () => {});
    const pages = async () => {
      await append(one);
      const { rows } = await one.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        'explain (analyze, buffers, format json) execute "number-events-1000-0"',
      );
      const { Plan: plan } = rows[0]?.['QUERY PLAN'][0] ?? { Plan: {} };
      return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
    };
    await numberEvents(one, { pages: 1 });
    await one.query('set plan_cache_mode = force_generic_plan');
    const few = await pages();
    expect(few).toBeGreaterThan(5);
    await one.query(
      `insert into event (type, tenant_id, enrollment_key) select 'CommandAnswered', 1, 1 from generate_series(1, 10000)`,
    );
    while ((await numberEvents(one, { pages: 1 })).more);
    // The first one after many marks what they left behind, once no snapshot sees it any more (autovacuum's may).
    // The rest is the index itself: some hundred entries a page.
    await expect.poll(pages, { timeout: 20_000 }).toBeLessThan(few + 60);
    await one.end();
    await pool.query('alter table event reset (autovacuum_enabled)');
  });

  const roads: [string, (prefix: string) => WakeUps, boolean][] = [
    ['the second that each process looks by itself', () => localWakeUps(), true],
    [
      'Redis',
      (prefix) =>
        redisWakeUps({
          url: redisUrl() ?? '',
          prefix,
          clock: systemClock,
          log: silentLog,
          metrics: noMetrics,
        }),
      redisUrl() !== null,
    ],
  ];
  describe.each(roads.filter(([, , found]) => found))(
    'between two processes, by %s',
    (_, wakeUps) => {
      it('are all there, once, in order, for subscribers of both', async () => {
        await truncate();
        const prefix = `graphmdm-test-${process.pid}-${Math.random()}:`;
        const roadsOfBoth = [wakeUps(prefix), wakeUps(prefix)];
        const both = roadsOfBoth.map((road) => open(pool, road));
        const consumers = both.flatMap((events) => [
          consume(events.subscribe({ tenant: null, filter: {}, after: null })),
          consume(
            events.subscribe({
              tenant: 1,
              filter: { enrollmentIds: new Set(['device-2']) },
              after: null,
            }),
          ),
        ]);
        await until(() => consumers.every(({ items }) => items.length > 0));

        const cursor = await both[1]?.currentCursor();
        const written = 300;
        await Promise.all(
          [1n, 2n, 3n, 4n].map(async (enrollmentKey) => {
            for (let n = 0; n < written / 4; n += 1) {
              await append(pool, { enrollmentKey, data: { n } });
              both[Number(enrollmentKey) % 2]?.committed();
            }
          }),
        );
        consumers.push(
          consume(
            (both[1] ?? open(pool, localWakeUps())).subscribe({
              tenant: null,
              filter: {},
              after: cursor ?? null,
            }),
          ),
        );
        const counts = [written, written / 4, written, written / 4, written];
        await until(() => consumers.every(({ events }, at) => events.length === counts[at]));
        const { lastSeq } = await readStream(pool);
        const rows = await readEvents(pool, { after: 0n, upTo: lastSeq, limit: 1000 });
        for (const [at, { events }] of consumers.entries()) {
          const wanted =
            at === 1 || at === 3 ? rows.filter((row) => row.enrollmentId === 'device-2') : rows;
          expect(events).toEqual(wanted);
        }
        for (const id of ['device-1', 'device-2', 'device-3', 'device-4']) {
          const own = rows.filter((row) => row.enrollmentId === id);
          expect(own.map(({ data }) => data['n'])).toEqual(own.map((_, n) => n));
        }
        await Promise.all(both.map((events) => events.stop()));
        await Promise.all(consumers.map(({ done }) => done));
        await Promise.all(roadsOfBoth.map((road) => road.close()));
      });
    },
  );
});

function open(pool: pg.Pool, wakeUps: WakeUps): Events {
  return openEvents({ pool, wakeUps, clock: systemClock, log: silentLog, metrics: noMetrics });
}
