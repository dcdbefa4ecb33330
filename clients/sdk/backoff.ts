/** How failures are retried. */
export interface RetryOptions {
  /** Longest wait before the first retry, in milliseconds. @default 250 */
  readonly minDelay?: number;
  /** Longest wait at all, in milliseconds. @default 10000 */
  readonly maxDelay?: number;
  /** How often a query or mutation is tried; live iterators try without end. @default 10 */
  readonly attempts?: number;
}

export const defaultRetry: Required<RetryOptions> = {
  minDelay: 250,
  maxDelay: 10_000,
  attempts: 10,
};

/**
 * How long to wait before the next try: twice as long each time, and by chance, so that not all
 * clients of a restarted server come at once.
 * @param failures  how many there were in a row, from 1
 * @returns milliseconds
 */
export function delayAfter(failures: number, retry: Required<RetryOptions>): number {
  const longest = Math.min(retry.maxDelay, retry.minDelay * 2 ** Math.min(failures - 1, 30));
  return longest * (0.5 + Math.random() / 2);
}

/** Waits, at most until the signal. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
