import { type Clock, systemClock } from '../../server/model/clock.ts';

/** The machine's clock, but for the day, and for what happens every hour: those a test turns. */
export interface HourlyClock extends Clock {
  /** Sets the clock on, then runs what is done every hour, when the run before has ended. */
  turn(ms: number): Promise<void>;
}

const hour = 3_600_000;

export function hourlyClock(): HourlyClock {
  let ahead = 0;
  const due = new Set<() => void>();
  let planned = () => {};
  return {
    now: () => new Date(systemClock.now().getTime() + ahead),
    setTimer(ms, run) {
      if (ms !== hour) return systemClock.setTimer(ms, run);
      due.add(run);
      planned();
      return () => due.delete(run);
    },
    async turn(ms) {
      while (due.size === 0) {
        await new Promise<void>((resolve) => {
          planned = resolve;
        });
      }
      ahead += ms;
      const now = [...due];
      due.clear();
      for (const run of now) run();
    },
  };
}
