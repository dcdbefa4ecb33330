import type { Clock } from '../model/clock.ts';

/**
 * Calls `run` again and again, `ms` milliseconds apart, the first time after `ms`.
 * @returns a function that ends it
 */
export function every(clock: Clock, ms: number, run: () => void): () => void {
  const again = (): void => {
    cancel = clock.setTimer(ms, again);
    run();
  };
  let cancel = clock.setTimer(ms, again);
  return () => cancel();
}
