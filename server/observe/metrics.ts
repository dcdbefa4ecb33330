import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../model/metrics.ts';

/** Metrics as Prometheus reads them. */
export interface PrometheusMetrics extends Metrics {
  /** The value of `Content-Type` for `text`. */
  readonly contentType: string;
  /** Everything counted so far, in Prometheus' text format, the process's own figures included. */
  text(): Promise<string>;
}

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
    counter(name, help, labelNames = []) {
      return remember(counters, name, () => {
        const bound = bounded(labelNames);
        const counter = new Counter({
          name,
          help,
          labelNames: [...labelNames],
          registers: [registry],
        });
        return (labels = {}, by = 1) => counter.inc(bound(labels), by);
      });
    },
    histogram(name, help, labelNames = [], buckets) {
      return remember(histograms, name, () => {
        const bound = bounded(labelNames);
        const histogram = new Histogram({
          name,
          help,
          labelNames: [...labelNames],
          registers: [registry],
          ...(buckets ? { buckets: [...buckets] } : {}),
        });
        return (value, labels = {}) => histogram.observe(bound(labels), value);
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

/** Keeps the number of series in bounds, whatever a caller puts into a label: memory is bounded too. */
function bounded(names: readonly string[]): (labels: Labels) => Record<string, string> {
  const seen = new Set<string>();
  return (labels) => {
    const values = names.map((name) => labels[name] ?? '');
    const series = JSON.stringify(values);
    if (!seen.has(series)) {
      if (seen.size >= mostSeries) return Object.fromEntries(names.map((name) => [name, 'other']));
      seen.add(series);
    }
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
  };
}
