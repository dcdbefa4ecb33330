import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LastSeen, createLastSeen } from '../../server/mdm/last-seen.ts';
import { createWriteBehind, type WriteBehindOptions } from '../../server/mdm/write-behind.ts';
import { silentLog } from '../../server/model/log.ts';
import { type TurnedClock, turnedClock } from '../events/turned-clock.ts';

// Nothing here waits for time: the clock is turned by hand, and each write ends when it is told to. With
// GRAPHMDM_SOAK=1 each test runs 1,000 times while all cores are kept busy.

const isSoak = process.env['GRAPHMDM_SOAK'] === '1';
const repeats = isSoak ? 999 : 0;
const interval = 5_000;

/** A write that is under way. */
interface Write {
  readonly seen: Readonly<Record<string, number>>;
  succeed(): Promise<void>;
  fail(): Promise<void>;
}

/** A database of one row for each enrolment, which answers by hand. */
function handDriven(
  make: (flush: WriteBehindOptions['flush'], clock: TurnedClock) => LastSeen = (flush, clock) =>
    createLastSeen({ clock, log: silentLog, flush }),
) {
  const clock = turnedClock();
  const begun = clock.now().getTime();
  const writes: Write[] = [];
  const stored: Record<string, number> = {};
  const lastSeen = make((times) => {
    const seen: Record<string, number> = {};
    for (const [key, at] of times) seen[key] = at.getTime() - begun;
    return new Promise((resolve, reject) => {
      const settle = async (end: () => void): Promise<void> => {
        end();
        // What follows a write runs in microtasks: after one turn all of it has.
        await new Promise((done) => setImmediate(done));
      };
      writes.push({
        seen,
        succeed: () => {
          for (const [key, at] of Object.entries(seen))
            stored[key] = Math.max(stored[key] ?? at, at);
          return settle(resolve);
        },
        fail: () => settle(() => reject(new Error('the database is away'))),
      });
    });
  }, clock);
  const heard = (key: string, ms: number): void => lastSeen.heard(key, new Date(begun + ms));
  return { clock, lastSeen, writes, stored, heard };
}

/** With a small cap, as `heard` and `waiting` see it. */
function capped(capacity: number, more: Partial<WriteBehindOptions> = {}) {
  return handDriven((flush, clock) => {
    const behind = createWriteBehind({
      ...{ clock, log: silentLog, what: 'times', keep: 'last', flush, interval, capacity },
      ...more,
    });
    return {
      heard: behind.note,
      flush: behind.flush,
      stop: behind.stop,
      get waiting() {
        return behind.waiting;
      },
    };
  });
}

let burners: readonly Worker[] = [];
beforeAll(() => {
  if (!isSoak) return;
  const spin = 'for (;;) Math.sqrt(Math.random());';
  burners = Array.from({ length: 4 }, () => new Worker(spin, { eval: true }));
});
afterAll(async () => {
  await Promise.all(burners.map((worker) => worker.terminate()));
});

describe('when enrolments were last heard is written', { repeats }, () => {
  it('timed flush: once an interval, the newest of each enrolment, nothing when nothing was heard', async () => {
    const { clock, lastSeen, writes, stored, heard } = handDriven();
    clock.advance(10 * interval);
    expect(writes).toEqual([]);
    heard('1', 10);
    heard('2', 20);
    heard('1', 30);
    heard('1', 25);
    clock.advance(interval - 1);
    expect(writes).toEqual([]);
    clock.advance(1);
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 30, 2: 20 }]);
    // What is heard while it is written has its own turn.
    heard('1', 40);
    await writes[0]?.succeed();
    clock.advance(interval);
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 30, 2: 20 }, { 1: 40 }]);
    await writes[1]?.succeed();
    expect(stored).toEqual({ 1: 40, 2: 20 });
    clock.advance(10 * interval);
    expect(writes).toHaveLength(2);
    expect(lastSeen.waiting).toBe(0);
    expect(clock.timers()).toBe(0);
  });

  it('cap: at once when so many enrolments are noted, whatever the time', async () => {
    const { writes, stored, heard } = capped(3);
    heard('1', 1);
    heard('2', 2);
    heard('2', 3);
    expect(writes).toEqual([]);
    heard('3', 4);
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 1, 2: 3, 3: 4 }]);
    // One write at a time: the next lot waits for it.
    for (const key of ['4', '5', '6', '7']) heard(key, 5);
    expect(writes).toHaveLength(1);
    await writes[0]?.succeed();
    heard('8', 6);
    expect(writes).toHaveLength(2);
    await writes[1]?.succeed();
    expect(stored).toEqual({ 1: 1, 2: 3, 3: 4, 4: 5, 5: 5, 6: 5, 7: 5, 8: 6 });
  });

  it('cap and timed flush: neither writes again what the other has written', async () => {
    const { clock, writes, heard, lastSeen } = capped(2);
    heard('1', 1);
    clock.advance(interval - 1);
    heard('2', 2);
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 1, 2: 2 }]);
    // The timer of the first strikes while the cap's write is under way, and finds one new note.
    heard('3', 3);
    clock.advance(1);
    expect(writes).toHaveLength(1);
    await writes[0]?.succeed();
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 1, 2: 2 }, { 3: 3 }]);
    await writes[1]?.succeed();
    clock.advance(10 * interval);
    expect(writes).toHaveLength(2);
    expect(lastSeen.waiting).toBe(0);
  });

  it('shutdown: what is noted, also what was noted while a write was under way', async () => {
    const { clock, lastSeen, writes, stored, heard } = handDriven();
    heard('1', 1);
    clock.advance(interval);
    heard('2', 2);
    let stopped = false;
    const stop = lastSeen.stop().then(() => (stopped = true));
    await writes[0]?.fail();
    expect(stopped).toBe(false);
    expect(writes.map(({ seen }) => seen)).toEqual([{ 1: 1 }, { 1: 1, 2: 2 }]);
    await writes[1]?.succeed();
    await stop;
    expect(stored).toEqual({ 1: 1, 2: 2 });
    expect(clock.timers()).toBe(0);
  });

  it('failure then success: nothing is lost, no newer time is overwritten, and it is not hammered', async () => {
    const { clock, lastSeen, writes, stored, heard } = capped(2);
    heard('1', 1);
    heard('2', 2);
    heard('1', 10);
    await writes[0]?.fail();
    expect(lastSeen.waiting).toBe(2);
    // The cap is reached by every further note now: only the timer tries again.
    for (let key = 3; key < 20; key += 1) heard(String(key), key);
    expect(writes).toHaveLength(1);
    clock.advance(interval);
    expect(writes).toHaveLength(2);
    expect(writes[1]?.seen).toMatchObject({ 1: 10, 2: 2, 19: 19 });
    await writes[1]?.succeed();
    expect(stored).toMatchObject({ 1: 10, 2: 2, 19: 19 });
    // All is well again, and so is the cap.
    heard('30', 30);
    heard('31', 31);
    expect(writes).toHaveLength(3);
  });

  it('while the database is away: a bounded number, and afterwards in bounded statements', async () => {
    const { clock, lastSeen, writes, stored, heard } = capped(100, { limit: 50, atOnce: 20 });
    for (let key = 0; key < 200; key += 1) heard(String(key), key);
    expect(lastSeen.waiting).toBe(50);
    heard('7', 1_000);
    clock.advance(interval);
    await writes[0]?.fail();
    expect(lastSeen.waiting).toBe(50);
    clock.advance(interval);
    for (const at of [1, 2, 3]) await writes[at]?.succeed();
    expect(writes.map(({ seen }) => Object.keys(seen).length)).toEqual([20, 20, 20, 10]);
    expect(Object.keys(stored)).toHaveLength(50);
    expect(stored['7']).toBe(1_000);
  });
});
