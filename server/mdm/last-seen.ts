import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { createWriteBehind } from './write-behind.ts';

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

/** The write-behind for "last seen", so that a poll costs no write. What is dropped is heard again. */
export function createLastSeen(options: {
  readonly clock: Clock;
  readonly log: Log;
  readonly flush: FlushLastSeen;
}): LastSeen {
  const times = createWriteBehind({ ...options, what: 'last-seen times', keep: 'last' });
  return {
    heard: times.note,
    flush: times.flush,
    stop: times.stop,
    get waiting() {
      return times.waiting;
    },
  };
}
