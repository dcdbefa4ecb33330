import type { StandIn } from '../../clients/simulator/apns/stand-in.ts';
import type { PushOutcome } from '../../server/apns/outcome.ts';
import type { TurnedClock } from '../events/turned-clock.ts';
import { turnedClock } from '../events/turned-clock.ts';

/** A promise and the function that keeps it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

/** Resolves when so many more pushes have got to the stand-in's rules. */
export function arrivals(standIn: StandIn, count: number): Promise<void> {
  const { opened, open } = gate();
  let seen = 0;
  standIn.rules.unshift(() => {
    seen += 1;
    if (seen === count) open();
    return undefined;
  });
  return opened;
}

/** How many outcomes of each kind. */
export function tally(outcomes: readonly PushOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
  return counts;
}

/** A turned clock that tells when a timer is set. */
export interface WatchedClock extends TurnedClock {
  /** Resolves as soon as a timer of so many milliseconds is set, or was since the last call. */
  timerSet(ms: number): Promise<void>;
}

export function watchedClock(): WatchedClock {
  const clock = turnedClock();
  const set: number[] = [];
  let onSet = (): void => {};
  return {
    ...clock,
    setTimer(ms, run) {
      set.push(ms);
      onSet();
      return clock.setTimer(ms, run);
    },
    async timerSet(ms) {
      while (!set.includes(ms)) {
        const { opened, open } = gate();
        onSet = open;
        await opened;
      }
      set.length = 0;
    },
  };
}
