import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../model/metrics.ts';

/** Metrics as Prometheus reads them. */
export interface PrometheusMetrics extends Metrics {
  /** The value of `Content-Type` for `text`. */
  readonly contentType: string;
  /** Everything counted so far, in Prometheus' text format, the process's own figures included. */
  text(): Promise<string>;
  /** The same as values, for `prom-client` to add up with those of other processes. */
  values(): Promise<MetricObjects>;
}

type MetricObjects = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

type Labels = Readonly<Record<string, string>>;

/** How many label combinations one metric may have; what comes after counts as `other`. */
const mostSeries = 200;

/** Metrics of this process. Asking for a name again gives the same metric. */
export function createMetrics(): PrometheusMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, ReturnType<Metrics['counter']>>();
  const histograms = new Map<string, ReturnType<Metrics['histogram']>>();

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    values: () => registry.getMetricsAsJSON(),
    counter(name, help, labelNames = []) {
      return remember(counters, name, () => {
        const counter = new Counter({
          name,
          help,
          labelNames: [...labelNames],
          registers: [registry],
        });
        const series = bounded(labelNames, (labels) => counter.labels(labels));
        return (labels = {}, by = 1) => series(labels).inc(by);
      });
    },
    histogram(name, help, labelNames = [], buckets) {
      return remember(histograms, name, () => {
        const histogram = new Histogram({
          name,
          help,
          labelNames: [...labelNames],
          registers: [registry],
          ...(buckets ? { buckets: [...buckets] } : {}),
        });
        const series = bounded(labelNames, (labels) => histogram.labels(labels));
        return (value, labels = {}) => series(labels).observe(value);
      });
    },
    gauge(name, help, read) {
      registry.removeSingleMetric(name);
      const gauge = new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read());
        },
      });
      registry.registerMetric(gauge);
    },
  };
}

function remember<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name) ?? make();
  known.set(name, found);
  return found;
}

/**
 * Finds the series of a combination of labels, made when it first comes: looking it up is all that
 * counting costs. Their number is bounded, whatever a caller puts into a label: memory is bounded too.
 */
function bounded<Series>(
  names: readonly string[],
  make: (labels: Record<string, string>) => Series,
): (labels: Labels) => Series {
  const known = new Map<string, Series>();
  let other: Series | undefined;
  return (labels) => {
    const values = names.map((name) => labels[name] ?? '');
    const key = values.length === 1 ? (values[0] ?? '') : JSON.stringify(values);
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= mostSeries) {
      other ??= make(Object.fromEntries(names.map((name) => [name, 'other'])));
      return other;
    }
    const made = make(Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])));
    known.set(key, made);
    return made;
  };
}
