import { type Clock, systemClock } from '../../server/model/clock.ts';

/** The machine's clock, but for what happens every minute: that a test sets off. */
export interface MinuteClock extends Clock {
  /** Runs what is planned for the next minute. */
  strike(): void;
}

export function minuteClock(): MinuteClock {
  const due = new Set<() => void>();
  return {
    now: systemClock.now,
    setTimer(ms, run) {
      if (ms !== 60_000) return systemClock.setTimer(ms, run);
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
