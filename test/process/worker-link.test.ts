import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../server/observe/metrics.ts';
import { openWorkerLink, type WorkerLine } from '../../server/worker-link.ts';
import type { WorkerWord } from '../../server/worker-words.ts';

/** A worker whose primary is the test. */
function aWorker() {
  const said: WorkerWord[] = [];
  const asked: string[] = [];
  const line: WorkerLine & EventEmitter = Object.assign(new EventEmitter(), {
    connected: true,
    send: (word: WorkerWord) => said.push(word),
  });
  const metrics = createMetrics();
  const link = openWorkerLink(
    metrics,
    { toStop: () => asked.push('stop'), alone: () => asked.push('alone') },
    line,
  );
  return { link, line, said, asked, metrics };
}

describe('a worker', () => {
  it('tells the others of numbered events, and hears of theirs, each once', () => {
    const { link, line, said } = aWorker();
    const heard: (bigint | null)[] = [];
    link.wakeUps.subscribe((lastSeq) => heard.push(lastSeq));
    link.wakeUps.publish(7n);
    expect(said).toEqual([{ say: 'wake', lastSeq: '7' }]);
    line.emit('message', { say: 'wake', lastSeq: '9007199254740993' });
    expect(heard).toEqual([7n, 9007199254740993n]);
    expect(said).toHaveLength(1);
  });

  it('says what it has counted, and asks for what all have', async () => {
    const { link, line, said, metrics } = aWorker();
    metrics.counter('graphmdm_test_total', 'For a test')({}, 3);
    line.emit('message', { say: 'count', request: 5 });
    while (said.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(JSON.stringify(said)).toMatch(/"request":5.*"graphmdm_test_total"/);
    const text = link.metricsText();
    expect(said[1]).toEqual({ say: 'metrics', request: 1 });
    line.emit('message', { say: 'metrics', request: 1, text: 'all of them' });
    expect(await text).toBe('all of them');
  });

  it('lets its log flow when the primary has told where they listen, and stops when it says so', async () => {
    const { link, line, said, asked } = aWorker();
    const told = link.listening(9000, 'http://localhost:9000');
    expect(said).toEqual([{ say: 'listening', port: 9000, url: 'http://localhost:9000' }]);
    line.emit('message', { say: 'told' });
    await told;
    line.emit('message', { say: 'stop' });
    line.emit('disconnect');
    expect(asked).toEqual(['stop', 'alone']);
  });
});
