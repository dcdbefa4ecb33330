import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../server/observe/metrics.ts';

describe('the metrics', () => {
  it('show counters, distributions and what is read when asked, beside the process’s own', async () => {
    const metrics = createMetrics();
    const polls = metrics.counter('polls_total', 'Polls', ['outcome']);
    polls({ outcome: 'idle' });
    polls({ outcome: 'idle' }, 2);
    metrics.histogram('wait_seconds', 'Waits', ['pool'], [1, 2])(1.5, { pool: 'hot' });
    let depth = 3;
    metrics.gauge('depth', 'Depth', () => depth);
    depth = 4;
    const text = await metrics.text();
    expect(text).toContain('polls_total{outcome="idle"} 3');
    expect(text).toContain('wait_seconds_bucket{le="2",pool="hot"} 1');
    expect(text).toContain('depth 4');
    expect(text).toContain('process_cpu_seconds_total');
    expect(metrics.contentType).toMatch(/^text\/plain/);
  });

  it('are the same metric when asked for twice', async () => {
    const metrics = createMetrics();
    metrics.counter('c_total', 'C')();
    metrics.counter('c_total', 'C')();
    expect(await metrics.text()).toContain('c_total 2');
  });

  it('show a counter before its first event', async () => {
    const metrics = createMetrics();
    metrics.counter('c_total', 'C');
    expect(await metrics.text()).toContain('c_total 0');
  });

  it('stay small whatever ends up in a label', async () => {
    const metrics = createMetrics();
    const requests = metrics.counter('requests_total', 'Requests', ['operation']);
    for (let n = 0; n < 5_000; n++) requests({ operation: `made-up-${n}` });
    const series = (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('requests_total{'));
    expect(series.length).toBe(201);
    expect(series).toContain('requests_total{operation="other"} 4800');
  });
});
