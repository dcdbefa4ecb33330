/** A number that only grows. Labels must come from a small closed set. */
export type Counter = (labels?: Readonly<Record<string, string>>, by?: number) => void;

/** A distribution; values are in the unit that the name ends with (`_seconds`, `_bytes`). */
export type Histogram = (value: number, labels?: Readonly<Record<string, string>>) => void;

/** What every room counts through; `server/observe` stands behind it and serves `/metrics`. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  histogram(
    name: string,
    help: string,
    labelNames?: readonly string[],
    buckets?: readonly number[],
  ): Histogram;
  /** Read when `/metrics` is asked for. */
  gauge(name: string, help: string, read: () => number): void;
}

/** Counts nothing. */
export const noMetrics: Metrics = {
  counter: () => () => {},
  histogram: () => () => {},
  gauge() {},
};
