import { localWakeUps } from './events/wake-ups-local.ts';
import type { WakeUps } from './events/wake-ups.ts';
import type { PrometheusMetrics } from './observe/metrics.ts';
import type { PrimaryWord, WorkerWord } from './worker-words.ts';

/** A worker's line to the primary process, by which it knows of the other workers. */
export interface WorkerLink {
  /** Wakes the other workers too: on one machine nothing else is needed between processes. */
  readonly wakeUps: WakeUps;
  /** What all workers have counted together, in Prometheus' text format. */
  metricsText(): Promise<string>;
  /** Says that this worker listens; resolves when its log may flow. */
  listening(port: number, url: string): Promise<void>;
}

/** What a process has for talking to the one that forked it. */
export interface WorkerLine {
  readonly connected?: boolean;
  send?(word: WorkerWord): unknown;
  on(event: 'message', hear: (word: PrimaryWord) => void): unknown;
  once(event: 'disconnect', hear: () => void): unknown;
}

/**
 * Opens the line.
 * @param metrics this worker's own
 */
export function openWorkerLink(
  metrics: PrometheusMetrics,
  when: {
    /** The primary says that this worker is to drain and end. */
    readonly toStop: () => void;
    /** The primary is gone. */
    readonly alone: () => void;
  },
  line: WorkerLine = process,
): WorkerLink {
  const here = localWakeUps();
  const listeners = new Set<(lastSeq: bigint) => void>();
  const asked = new Map<number, (text: string) => void>();
  let requests = 0;
  let told = (): void => {};
  const isTold = new Promise<void>((resolve) => (told = resolve));

  function say(word: WorkerWord): void {
    if (line.connected) line.send?.(word);
  }

  line.on('message', (word: PrimaryWord) => {
    switch (word.say) {
      case 'told':
        return told();
      case 'stop':
        return when.toStop();
      case 'wake':
        for (const listener of listeners) listener(BigInt(word.lastSeq));
        return;
      case 'count':
        void metrics
          .values()
          .then((values) => say({ say: 'counted', request: word.request, metrics: values }));
        return;
      case 'metrics':
        asked.get(word.request)?.(word.text);
        asked.delete(word.request);
    }
  });
  line.once('disconnect', when.alone);
  listeners.add((lastSeq) => here.publish(lastSeq));

  return {
    wakeUps: {
      publish(lastSeq) {
        here.publish(lastSeq);
        say({ say: 'wake', lastSeq: String(lastSeq) });
      },
      subscribe: here.subscribe,
      async close() {
        listeners.clear();
        await here.close();
      },
    },
    async metricsText() {
      const request = ++requests;
      const text = new Promise<string>((resolve) => asked.set(request, resolve));
      say({ say: 'metrics', request });
      return text;
    },
    async listening(port, url) {
      say({ say: 'listening', port, url });
      await isTold;
    },
  };
}
