import type { Clock } from '../../server/model/clock.ts';

/** A clock that stands still until a test turns it. */
export interface TurnedClock extends Clock {
  /** Turns the clock on and runs what became due, in the order of its time. */
  advance(ms: number): void;
  /** How many timers are running. */
  timers(): number;
  /** How long each timer was to run, in the order in which they were set. */
  readonly asked: readonly number[];
}

export function turnedClock(): TurnedClock {
  let now = Date.UTC(2026, 0, 1);
  const timers = new Set<{ at: number; run: () => void }>();
  const asked: number[] = [];
  return {
    now: () => new Date(now),
    setTimer(ms, run) {
      const timer = { at: now + ms, run };
      asked.push(ms);
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        now = next.at;
        timers.delete(next);
        next.run();
      }
      now = end;
    },
    timers: () => timers.size,
    asked,
  };
}
