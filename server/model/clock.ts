/** Time as the server sees it. Passed in, so that tests turn it by hand instead of waiting. */
export interface Clock {
  now(): Date;
  /**
   * Calls `run` once, `ms` milliseconds from now.
   * @returns a function that takes the timer back
   */
  setTimer(ms: number, run: () => void): () => void;
}

/** The machine's own clock. Its timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => new Date(),
  setTimer(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
