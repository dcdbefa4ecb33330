import * as fc from 'fast-check';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sweep } from '../../server/mdm/retention/sweep.ts';
import { resetLanes } from '../../server/store/projection/lanes.ts';
import { append } from '../events/stored-events.ts';
import { hold, waitsForRows } from '../harness/held.ts';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';
import {
  caughtUp,
  derivedBy,
  lanesHeld,
  leasesRunOut,
  makeDerivedTable,
  numberAll,
  startWorker,
  storing,
  turnUntil,
  type Worker,
} from './derived.ts';

describe.each(databaseLanes())('projections on %s', (lane) => {
  let test: TestDatabase;
  let pool: pg.Pool;
  let workers: Worker[];

  beforeAll(async () => {
    test = await testDatabase(lane);
    pool = new pg.Pool({ connectionString: test.url, max: 12 });
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    await makeDerivedTable(pool);
  });
  afterAll(async () => {
    await pool.end();
    await test.drop();
  });
  beforeEach(async () => {
    workers = [];
    await pool.query(
      `truncate derived, projection_lane, projection_failure, event restart identity;
       update event_stream set last_seq = 0, oldest_seq = 1; delete from lease`,
    );
  });
  afterEach(async () => {
    for (const { projector } of workers) await projector.stop();
  });

  async function start(...projections: Parameters<typeof storing>[]): Promise<Worker> {
    const worker = await startWorker(pool, ...projections.map((args) => storing(...args)));
    workers.push(worker);
    return worker;
  }

  /** Appends events of enrolments by their keys. */
  async function happened(...enrollmentKeys: (bigint | null)[]): Promise<bigint[]> {
    const ids = [];
    for (const enrollmentKey of enrollmentKeys) ids.push(await append(pool, { enrollmentKey }));
    return ids;
  }

  it('get every event of their types once, an enrolment’s in their order', async () => {
    const before = await happened(1n, 2n, 1n);
    const worker = await start(['a'], ['b', undefined, { types: ['CommandEnded'] }]);
    await caughtUp(pool, worker);
    const after = await happened(null, 2n, 17n);
    const ended = await append(pool, { type: 'CommandEnded', enrollmentKey: 1n });
    await append(pool, { type: 'PushAccepted', enrollmentKey: 1n });
    await caughtUp(pool, worker);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual([...before, ...after, ended]);
    expect(await derivedBy(pool, 'b')).toEqual([ended]);
    expect(worker.metrics.value('graphmdm_projection_lag')).toBe(0);
  });

  it('miss nothing when a wake-up tells of a longer stream, such as a neighbour’s on the same Redis', async () => {
    const worker = await start(['a']);
    await caughtUp(pool, worker);
    worker.wake(7_000n);
    // Long enough that it has looked, and stored what it thinks to have seen.
    const { clock, metrics } = worker;
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1_000);
      await pool.query('select');
    }
    await turnUntil(async () => {
      await pool.query('select');
      return metrics.value('graphmdm_projection_lag') === 0;
    }, [worker]);
    const ids = await happened(1n, 2n, 3n);
    await caughtUp(pool, worker);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual(ids);
  });

  it('look more seldom the longer there is always something new, and soon again after a quiet while', async () => {
    const all = await happened(1n);
    await numberAll(pool);
    const worker = await start(['a']);
    const { clock } = worker;
    const pauses = () => clock.asked.filter((ms) => ms <= 200);
    const nextPause = (known: number) =>
      turnUntil(async () => {
        await pool.query('select');
        return pauses().length > known;
      }, []);
    // It looks by itself as it starts and every second: what follows fits between two such looks.
    await nextPause(0);
    clock.advance(30);
    const before = pauses().length;
    /** Another event, of which it is told at once; until it is stored and the pause behind it has begun. */
    async function another(sooner: () => void): Promise<void> {
      const known = pauses().length;
      all.push(...(await happened(1n)));
      await numberAll(pool);
      worker.wake(BigInt(all.length));
      sooner();
      await nextPause(known);
      expect(await derivedBy(pool, 'a')).toEqual(all);
    }
    await another(() => {});
    for (let times = 0; times < 4; times += 1) {
      const last = pauses().at(-1) ?? 0;
      await another(() => clock.advance(last));
    }
    expect(pauses().slice(before)).toEqual([25, 50, 100, 200, 200]);
    clock.advance(200);
    await another(() => {});
    expect(pauses().at(-1)).toBe(25);
    // To hear again of what was read is no work to rest from.
    const rested = pauses().length;
    worker.wake(BigInt(all.length));
    clock.advance(25);
    await pool.query('select');
    expect(pauses()).toHaveLength(rested);
  });

  it('leave to the end of the pause what is numbered while they store a page', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isHeld = false;
    const begin = await happened(1n);
    await numberAll(pool);
    const worker = await start([
      'a',
      (events) => {
        if (events.some(({ id }) => begin.includes(id))) return Promise.resolve();
        isHeld = true;
        return held;
      },
    ]);
    const { clock } = worker;
    const until = (shows: () => boolean) =>
      turnUntil(async () => {
        await pool.query('select');
        return shows();
      }, []);
    // The pause behind the look with which it starts.
    await until(() => clock.asked.includes(25));
    clock.advance(25);
    const first = await happened(1n);
    await numberAll(pool);
    worker.wake(2n);
    await until(() => isHeld);
    const known = clock.asked.length;
    let second: bigint[];
    try {
      second = await happened(1n);
      await numberAll(pool);
      worker.wake(3n);
    } finally {
      release();
    }
    await until(() => clock.asked.length > known);
    expect(await derivedBy(pool, 'a')).toEqual([...begin, ...first]);
    clock.advance(25);
    await turnUntil(async () => (await derivedBy(pool, 'a')).length > 2, []);
    expect(await derivedBy(pool, 'a')).toEqual([...begin, ...first, ...second]);
  });

  it('keep a lane in which something happens while they store how far they have looked', async () => {
    const worker = await start(['a']);
    const { clock, metrics } = worker;
    await caughtUp(pool, worker);
    clock.advance(30);
    await append(pool, { type: 'PushAccepted', enrollmentKey: 1n });
    await numberAll(pool);
    worker.wake(1n);
    await turnUntil(async () => {
      await pool.query('select');
      return metrics.value('graphmdm_projection_lag') === 0;
    }, []);
    clock.advance(30);
    const held = await hold(pool, 'select 1 from projection_lane for update');
    clock.advance(1_000);
    await waitsForRows(pool, '%projection_lane%');
    const ids = await happened(1n);
    await numberAll(pool);
    worker.wake(2n);
    // Long enough that it would have come to store the event.
    for (let times = 0; times < 50; times += 1) await pool.query('select');
    await held.release();
    await turnUntil(async () => (await derivedBy(pool, 'a')).length > 0, []);
    ids.push(...(await happened(1n)));
    await numberAll(pool);
    worker.wake(3n);
    await turnUntil(async () => {
      clock.advance(1);
      return (await derivedBy(pool, 'a')).length > 1;
    }, []);
    expect(await derivedBy(pool, 'a')).toEqual(ids);
  });

  it('share their lanes among processes, and get them back when one leaves', async () => {
    const first = await start(['a']);
    expect(await lanesHeld(pool)).toEqual([16]);
    const second = await start(['a']);
    // The second is heard of at the first one's next beat, and finds what that gives back at its own.
    await lanesAre([8, 8], first, second);
    const ids = await happened(1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n);
    await caughtUp(pool, first, second);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual(ids);
    await second.projector.stop();
    await lanesAre([16], first);
  });

  it('count an event once when its holder stops for a while and another has gone on', async () => {
    let release = (): void => {};
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = false;
    const first = await start([
      'a',
      () => {
        entered = true;
        return stuck;
      },
    ]);
    await happened(1n, 1n);
    await numberAll(pool);
    // Without turning its clock so far that it renews its lease, which could end behind what follows.
    await turnUntil(async () => {
      await pool.query('select');
      first.wake(2n);
      first.clock.advance(1);
      return entered;
    }, []);
    await leasesRunOut(pool);
    const second = await start(['a']);
    await caughtUp(pool, second);
    const stored = await derivedBy(pool, 'a');
    expect(stored).toHaveLength(2);
    release();
    for (const { projector } of workers) await projector.stop();
    expect(await derivedBy(pool, 'a')).toEqual(stored);
  });

  it('keep back only the lane of an event that fails, and pass it over in the end', async () => {
    let poison = 0n;
    const worker = await start([
      'a',
      (events) => {
        if (events.some(({ id }) => id === poison)) throw new Error('this one is poisonous');
      },
    ]);
    const [first, bad, ...rest] = await happened(1n, 1n, 1n, 2n, 3n, 1n);
    poison = bad ?? 0n;
    await caughtUp(pool, worker);
    const stored = await derivedBy(pool, 'a');
    expect([...stored].sort(byNumber)).toEqual([first, ...rest]);
    // Those of other enrolments did not wait for it.
    expect(new Set(stored.slice(0, 3))).toEqual(new Set([first, rest[1], rest[2]]));
    const { rows } = await pool.query(
      'select projection, event_id, reason from projection_failure',
    );
    expect(rows).toEqual([
      { projection: 'a', event_id: String(poison), reason: 'Error: this one is poisonous' },
    ]);
    expect(worker.metrics.value('graphmdm_projection_failures_total')).toBe(1);
    expect(worker.log.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { tries: 5, type: 'CommandAnswered' } },
    ]);
  });

  it('take an event that failed only for a while', async () => {
    let failures = 3;
    const worker = await start([
      'a',
      () => {
        if (failures-- > 0) throw new Error('not yet');
      },
    ]);
    const ids = await happened(5n);
    await caughtUp(pool, worker);
    expect(await derivedBy(pool, 'a')).toEqual(ids);
    expect((await pool.query('select 1 from projection_failure')).rowCount).toBe(0);
  });

  it('wait for a statement that takes too long, however often, and pass nothing over', async () => {
    await pool.query('create table if not exists guarded (key bigint primary key)');
    await pool.query('insert into guarded values (1), (2) on conflict do nothing');
    const held = await hold(pool, 'select 1 from guarded where key = 1 for update');
    const worker = await start([
      'a',
      undefined,
      {
        first: async (client, events) => {
          await client.query(`set local statement_timeout = '50ms'`);
          await client.query('update guarded set key = key where key = any ($1::bigint[])', [
            events.map(({ enrollmentKey }) => enrollmentKey),
          ]);
        },
      },
    ]);
    const ids = await happened(1n, 2n, 1n, 17n, 2n);
    await numberAll(pool);
    await waited(worker, 60);
    // The lane of the others goes on.
    expect(await derivedBy(pool, 'a')).toEqual([ids[1], ids[4]]);
    await held.release();
    await caughtUp(pool, worker);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual(ids);
    await nothingFailed(worker);
  });

  it('pass over an event that takes too long by itself again and again', async () => {
    await pool.query('create table if not exists guarded (key bigint primary key)');
    await pool.query('insert into guarded values (1) on conflict do nothing');
    const held = await hold(pool, 'select 1 from guarded where key = 1 for update');
    const worker = await start([
      'a',
      undefined,
      {
        first: async (client, events) => {
          await client.query(`set local statement_timeout = '50ms'`);
          await client.query('update guarded set key = key where key = any ($1::bigint[])', [
            events.map(({ enrollmentKey }) => enrollmentKey),
          ]);
        },
      },
    ]);
    const ids = await happened(1n, 17n, 2n);
    const { metrics, clock } = worker;
    let others = 0;
    while (metrics.value('graphmdm_projection_failures_total') === 0) {
      if (metrics.value('graphmdm_projection_held_total') >= others) {
        // Others of the same projection are taken meanwhile.
        await happened(2n);
        others += 1;
      }
      await numberAll(pool);
      clock.advance(1_000);
    }
    expect(others).toBeGreaterThanOrEqual(49);
    await caughtUp(pool, worker);
    // What waited behind it in its lane goes on, and events can be deleted.
    const derived = await derivedBy(pool, 'a');
    expect(derived).toHaveLength(others + 2);
    expect(derived).toContain(ids[1]);
    expect((await pool.query('select event_id, reason from projection_failure')).rows).toEqual([
      { event_id: String(ids[0]), reason: expect.stringContaining('57014') },
    ]);
    expect(worker.metrics.value('graphmdm_projection_failures_total')).toBe(1);
    await held.release();
  });

  it.each<[string, string]>([
    ['has no memory left', raised('53200')],
    ['has no room on its disk', raised('53100')],
    ['always lets others go first', raised('40001')],
    ['breaks off deadlocks', raised('40P01')],
    ['cannot read a file', raised('58030')],
    ['is shut down', raised('57P01')],
    ['ends connections', 'select pg_terminate_backend(pg_backend_pid())'],
  ])('wait for a database that %s, however often, and pass nothing over', async (_what, sql) => {
    let wrong = true;
    const worker = await start([
      'a',
      undefined,
      { first: async (client) => (wrong ? client.query(sql) : null) },
    ]);
    const ids = await happened(1n, 2n, 1n);
    await numberAll(pool);
    await waited(worker, 8);
    expect(await derivedBy(pool, 'a')).toEqual([]);
    wrong = false;
    await caughtUp(pool, worker);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual(ids);
    await nothingFailed(worker);
  });

  /** Turns the clock until the database has made it wait so often. */
  async function waited({ clock, metrics }: Worker, times: number): Promise<void> {
    while (metrics.value('graphmdm_projection_held_total') < times) {
      await pool.query('select 1');
      clock.advance(1_000);
    }
  }

  async function nothingFailed(worker: Worker): Promise<void> {
    expect((await pool.query('select 1 from projection_failure')).rowCount).toBe(0);
    expect(worker.metrics.value('graphmdm_projection_failures_total')).toBe(0);
    expect(worker.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }

  it('store nothing of a page when its position cannot be moved', async () => {
    const worker = await start([
      'a',
      // Between reading and storing the lanes are set back, as a rebuild does.
      async (events) => {
        if (events.length === 2 && (await derivedBy(pool, 'a')).length === 2) {
          await resetLanes(pool, 'a');
        }
      },
    ]);
    const ids = await happened(1n, 2n);
    await caughtUp(pool, worker);
    const more = await happened(1n, 2n);
    await numberAll(pool);
    await turnUntil(async () => (await derivedBy(pool, 'a')).length >= 6, [worker]);
    await caughtUp(pool, worker);
    // All again from the beginning, and the newer ones once.
    const all = [...ids, ...ids, ...more].sort(byNumber);
    expect((await derivedBy(pool, 'a')).sort(byNumber)).toEqual(all);
  });

  it('hold up the retention of events that they have not passed', async () => {
    const keep = { events: 60, history: null, results: null };
    const signal = new AbortController().signal;
    const worker = await start(['a']);
    await happened(1n, 2n);
    await pool.query(`update event set at = now() - interval '1 hour'`);
    await caughtUp(pool, worker);
    await happened(3n);
    await pool.query(`update event set at = now() - interval '1 hour'`);
    await numberAll(pool);
    await sweep(pool, keep, signal);
    expect((await pool.query('select 1 from event')).rowCount).toBe(1);
    await caughtUp(pool, worker);
    await sweep(pool, keep, signal);
    expect((await pool.query('select 1 from event')).rowCount).toBe(0);
    expect(await derivedBy(pool, 'a')).toHaveLength(3);
  });

  it('list an event that they passed over as long as it is kept', async () => {
    const keep = { events: 60, history: null, results: null };
    const signal = new AbortController().signal;
    const failures = async () => (await pool.query('select 1 from projection_failure')).rowCount;
    const poison = new Set(await happened(1n, 2n));
    const worker = await start([
      'a',
      (events) => {
        if (events.some(({ id }) => poison.has(id))) throw new Error('poisonous');
      },
    ]);
    await caughtUp(pool, worker);
    await sweep(pool, keep, signal);
    expect(await failures()).toBe(2);
    await pool.query(`update event set at = now() - interval '1 hour' where enrollment_key = 1`);
    await sweep(pool, keep, signal);
    expect(await failures()).toBe(1);
    expect((await pool.query('select 1 from event')).rowCount).toBe(1);
  });

  it('forget the lanes of a projection that no program has any more', async () => {
    const old = await start(['old']);
    await old.projector.stop();
    await start(['a']);
    const { rows } = await pool.query('select distinct projection from projection_lane');
    expect(rows).toEqual([{ projection: 'a' }]);
  });

  it('ask one small question a second when nothing happens', async () => {
    const worker = await start(['a'], ['b'], ['c']);
    await caughtUp(pool, worker);
    const asked = vi.spyOn(pool, 'query');
    for (let second = 0; second < 10; second += 1) {
      const before = asked.mock.results.length;
      worker.clock.advance(1_000);
      await Promise.all(asked.mock.results.slice(before).map(({ value }) => value as unknown));
    }
    // Ten looks and two beats.
    expect(asked.mock.calls.length).toBeGreaterThan(0);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(12);
    asked.mockRestore();
  });

  it('count exactly once whatever happens to their processes', async () => {
    type Step = { do: 'happen'; keys: bigint[] } | { do: 'die' | 'join' | 'turn' | 'fail' };
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({
        do: fc.constant('happen' as const),
        keys: fc.array(fc.bigInt({ min: 1n, max: 20n }), { minLength: 1, maxLength: 12 }),
      }),
      fc.record({ do: fc.constantFrom('die' as const, 'join', 'turn', 'fail') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        await pool.query(
          `truncate derived, projection_lane, projection_failure, event restart identity;
           update event_stream set last_seq = 0, oldest_seq = 1; delete from lease`,
        );
        let failNext = false;
        const living: Worker[] = [];
        const dead: (() => void)[] = [];
        const join = async () => {
          let hang = false;
          let wakeTheDead = (): void => {};
          const gate = new Promise<void>((resolve) => {
            wakeTheDead = resolve;
          });
          const worker = await start([
            'a',
            async () => {
              if (failNext) {
                failNext = false;
                throw new Error('bad luck');
              }
              if (hang) await gate;
            },
          ]);
          living.push(worker);
          dies.set(worker, () => {
            hang = true;
            dead.push(wakeTheDead);
          });
        };
        const dies = new Map<Worker, () => void>();
        await join();
        const ids: bigint[] = [];
        for (const one of steps) {
          if (one.do === 'happen') ids.push(...(await happened(...one.keys)));
          else if (one.do === 'join' && living.length < 4) await join();
          else if (one.do === 'fail') failNext = true;
          else if (one.do === 'die' && living.length > 1) {
            const victim = living.shift();
            if (victim) dies.get(victim)?.();
            victim?.clock.advance(1_000);
            await leasesRunOut(pool);
          } else for (const { clock } of living) clock.advance(2_500);
        }
        await leasesRunOut(pool);
        for (const { clock } of living) clock.advance(5_000);
        await caughtUp(pool, ...living);
        // Those who were thought dead come back and try to store what they had.
        for (const wakeTheDead of dead) wakeTheDead();
        for (const { projector } of workers) await projector.stop();
        workers = [];
        const stored = await pool.query<{ event_id: string; enrollment_key: string }>(
          'select event_id, enrollment_key from derived order by n',
        );
        const seen = stored.rows.map(({ event_id }) => BigInt(event_id));
        expect([...seen].sort(byNumber)).toEqual(ids);
        for (const key of new Set(stored.rows.map(({ enrollment_key }) => enrollment_key))) {
          const own = stored.rows.filter(({ enrollment_key }) => enrollment_key === key);
          const order = own.map(({ event_id }) => BigInt(event_id));
          expect(order).toEqual([...order].sort(byNumber));
        }
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  /** Turns the clocks until the processes hold as many lanes each as said. */
  async function lanesAre(held: readonly number[], ...those: Worker[]): Promise<void> {
    const wanted = held.join();
    await turnUntil(async () => (await lanesHeld(pool)).join() === wanted, those);
  }
});

/** A statement that fails with a SQLSTATE. */
function raised(state: string): string {
  return `do $$ begin raise exception 'as if' using errcode = '${state}'; end $$`;
}

function byNumber(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
