import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';

/** Times that are noted now and written later, many at once. */
export interface WriteBehind {
  /** Notes a time. Never waits, never fails. */
  note(key: string, at: Date): void;
  /** The time that is noted and not known to be written; undefined when there is none. */
  noted(key: string): Date | undefined;
  /** Takes a note back, when somebody else has written it. */
  forget(key: string): void;
  /** Writes what is noted; resolves when nothing is left or the write has failed. */
  flush(): Promise<void>;
  /** Stops the timer and flushes a last time. */
  stop(): Promise<void>;
  /** How many times are noted and not yet written. */
  readonly waiting: number;
}

export interface WriteBehindOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** What the times are, for the log. */
  readonly what: string;
  /** Which of two times of one key counts. */
  readonly keep: 'first' | 'last';
  /** Writes many times at once: one set-based statement. */
  readonly flush: (times: ReadonlyMap<string, Date>) => Promise<void>;
  /** Milliseconds between flushes. @default 5000 */
  readonly interval?: number;
  /** Keys that make a flush start at once. @default 10000 */
  readonly capacity?: number;
  /** Keys noted at most while the database is away; beyond it new ones are dropped. @default 1000000 */
  readonly limit?: number;
  /** Keys in one statement at most: after an outage there may be a million. @default 50000 */
  readonly atOnce?: number;
}

/**
 * Coalesces times per key and writes them in the background, so that what is noted costs the caller no
 * write. A failed flush keeps its times, except where others were noted meanwhile that count more.
 */
export function createWriteBehind(options: WriteBehindOptions): WriteBehind {
  const { clock, log, what, interval = 5_000, capacity = 10_000, limit = 1_000_000 } = options;
  const { atOnce = 50_000 } = options;
  let times = new Map<string, Date>();
  let beingWritten: ReadonlyMap<string, Date> = new Map();
  let running: Promise<void> | null = null;
  let cancelTimer: (() => void) | null = null;
  let stopped = false;
  /** The last write failed: until one succeeds only the timer tries again, not each further note. */
  let failing = false;

  function schedule(): void {
    if (cancelTimer !== null || stopped) return;
    cancelTimer = clock.setTimer(interval, () => {
      cancelTimer = null;
      void flush();
    });
  }

  function keep(key: string, at: Date): void {
    const known = times.get(key);
    if (known === undefined && times.size >= limit) return;
    const counts = known === undefined || (options.keep === 'last' ? known < at : at < known);
    if (counts) times.set(key, at);
  }

  /** Takes out what is noted, the oldest notes first. */
  function take(): Map<string, Date> {
    const batch = times;
    times = new Map();
    if (batch.size > atOnce) {
      let place = 0;
      for (const [key, at] of batch) {
        if (place++ < atOnce) continue;
        batch.delete(key);
        times.set(key, at);
      }
    }
    return batch;
  }

  /** @returns whether it was written */
  async function write(batch: Map<string, Date>): Promise<boolean> {
    beingWritten = batch;
    try {
      await options.flush(batch);
      failing = false;
    } catch (error) {
      failing = true;
      for (const [key, at] of batch) keep(key, at);
      log.warn({ err: error, count: batch.size }, `${what} could not be written; kept`);
    } finally {
      beingWritten = new Map();
    }
    return !failing;
  }

  /** Writes what is noted now; what is noted meanwhile has its own turn. */
  async function writeAll(): Promise<void> {
    for (let left = times.size; left > 0 && times.size > 0; left -= atOnce) {
      if (!(await write(take()))) return;
    }
  }

  async function flush(): Promise<void> {
    if (running !== null) await running;
    if (times.size === 0 || running !== null) return running ?? undefined;
    running = writeAll().finally(() => {
      running = null;
      if (times.size > 0) schedule();
    });
    await running;
  }

  return {
    note(key, at) {
      keep(key, at);
      if (times.size >= capacity && running === null && !failing) void flush();
      else schedule();
    },
    noted: (key) => beingWritten.get(key) ?? times.get(key),
    forget: (key) => void times.delete(key),
    flush,
    async stop() {
      stopped = true;
      cancelTimer?.();
      cancelTimer = null;
      await flush();
    },
    get waiting() {
      return times.size;
    },
  };
}
