import { type Clock, systemClock } from '../../server/model/clock.ts';

/** The machine's clock, but for timers of one length: those a test sets off. */
export interface StruckClock extends Clock {
  /** Runs what waits for such a timer now. */
  strike(): void;
}

export function struckClock(milliseconds: number): StruckClock {
  const due = new Set<() => void>();
  return {
    now: systemClock.now,
    setTimer(ms, run) {
      if (ms !== milliseconds) return systemClock.setTimer(ms, run);
      due.add(run);
      return () => due.delete(run);
    },
    strike() {
      const now = [...due];
      due.clear();
      for (const run of now) run();
    },
  };
}
