import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';

/** Writes many times at once: one set-based statement. */
export type FlushLastSeen = (seen: ReadonlyMap<string, Date>) => Promise<void>;

export interface LastSeen {
  /** Notes that an enrolment was heard. Never waits, never fails. */
  heard(enrollmentKey: string, at: Date): void;
  /** Writes what is noted; resolves when nothing is left or the write has failed. */
  flush(): Promise<void>;
  /** Stops the timer and flushes a last time. */
  stop(): Promise<void>;
  /** How many enrolments are noted and not yet written. */
  readonly waiting: number;
}

export interface LastSeenOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly flush: FlushLastSeen;
  /** Milliseconds between flushes. @default 5000 */
  readonly interval?: number;
  /** Enrolments that make a flush start at once. @default 10000 */
  readonly capacity?: number;
  /**
   * Enrolments noted at most while the database is away; beyond it new ones are dropped (each will
   * be heard again). @default 1000000
   */
  readonly limit?: number;
}

/**
 * The write-behind for "last seen": coalesces per enrolment and writes in the background, so that a
 * poll costs no write. A failed flush keeps its times, except where newer ones were noted meanwhile.
 */
export function createLastSeen(options: LastSeenOptions): LastSeen {
  const { clock, log, interval = 5_000, capacity = 10_000, limit = 1_000_000 } = options;
  let noted = new Map<string, Date>();
  let running: Promise<void> | null = null;
  let cancelTimer: (() => void) | null = null;
  let stopped = false;

  function schedule(): void {
    if (cancelTimer !== null || stopped) return;
    cancelTimer = clock.setTimer(interval, () => {
      cancelTimer = null;
      void flush();
    });
  }

  function note(key: string, at: Date): void {
    const known = noted.get(key);
    if (known === undefined && noted.size >= limit) return;
    if (known === undefined || known < at) noted.set(key, at);
  }

  async function write(batch: Map<string, Date>): Promise<void> {
    try {
      await options.flush(batch);
    } catch (error) {
      for (const [key, at] of batch) note(key, at);
      log.warn(
        { err: error, enrollments: batch.size },
        'last-seen times could not be written; kept',
      );
      schedule();
    }
  }

  async function flush(): Promise<void> {
    if (running !== null) await running;
    if (noted.size === 0 || running !== null) return running ?? undefined;
    const batch = noted;
    noted = new Map();
    running = write(batch).finally(() => {
      running = null;
      if (noted.size > 0) schedule();
    });
    await running;
  }

  return {
    heard(key, at) {
      note(key, at);
      if (noted.size >= capacity && running === null && noted.size < limit) void flush();
      else schedule();
    },
    flush,
    async stop() {
      stopped = true;
      cancelTimer?.();
      cancelTimer = null;
      await flush();
    },
    get waiting() {
      return noted.size;
    },
  };
}
