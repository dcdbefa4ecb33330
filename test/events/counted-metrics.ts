import type { Metrics } from '../../server/model/metrics.ts';

/** Metrics that a test can read. */
export interface CountedMetrics extends Metrics {
  /** What a counter has come to, over all its labels, or what a gauge reads now. */
  value(name: string): number;
}

export function countedMetrics(): CountedMetrics {
  const counters = new Map<string, number>();
  const gauges = new Map<string, () => number>();
  return {
    counter(name) {
      counters.set(name, 0);
      return (_labels, by = 1) => counters.set(name, (counters.get(name) ?? 0) + by);
    },
    histogram: () => () => {},
    gauge(name, _help, read) {
      gauges.set(name, read);
    },
    value(name) {
      const value = counters.get(name) ?? gauges.get(name)?.();
      if (value === undefined) throw new Error(`nobody counts ${name}`);
      return value;
    },
  };
}
