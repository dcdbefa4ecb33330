import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';
import { handOnLostConnections } from './lost-connections.ts';
import type { Log } from './model/log.ts';
import type { PrimaryWord, WorkerWord } from './worker-words.ts';

/** Workers that serve one port. */
export interface Workers {
  /**
   * Puts a new worker in the place of each, one after the other; no request is dropped. Asked for while it goes on,
   * it goes on with those that are new by then, once.
   */
  restart(): Promise<void>;
  /** Has all of them drain and end. */
  stop(): Promise<void>;
}

export interface WorkersStarted {
  readonly workers: Workers;
  readonly port: number;
  readonly url: string;
  /** Lets the workers' logs flow: call it once it has been told where they listen. */
  told(): void;
}

/** A worker that ends sooner than this after its start is not replaced at once, in milliseconds. */
const pause = 1_000;
/** How long a worker may take to say what it has counted, in milliseconds. */
const countTimeout = 1_000;

/**
 * Starts this same program `count` times, as workers of this process, which itself serves nothing: the
 * first alone, so that what keeps it from starting is said once.
 * @returns null when the first one has ended instead of listening; it has said why
 */
export async function startWorkers(count: number, log: Log): Promise<WorkersStarted | null> {
  const current = new Set<Worker>();
  /** Those that are to end because another has taken their place. */
  const retired = new WeakSet<Worker>();
  const counting = new Map<number, (worker: Worker, metrics: readonly object[]) => void>();
  let requests = 0;
  /** How often all workers had ended, so that Node had closed the port. */
  let generation = 0;
  let isTold = false;
  let stopping = false;
  let isRestartWanted = false;
  let restarting: Promise<void> | null = null;

  function tell(worker: Worker, word: PrimaryWord): void {
    if (worker.isConnected()) worker.send(word);
  }

  /**
   * Starts one; resolves when it listens, or with null when it has ended before.
   * @param keepTrying start another when this one ends before it listens
   */
  function start(keepTrying: boolean): Promise<Extract<WorkerWord, { say: 'listening' }> | null> {
    const worker = cluster.fork();
    handOnLostConnections(worker, () => (current.size === 0 ? null : generation));
    const startedAt = performance.now();
    return new Promise((resolve) => {
      worker.on('message', (word: WorkerWord) => {
        if (word.say === 'listening') {
          current.add(worker);
          if (isTold) {
            tell(worker, { say: 'told' });
            log.info({ worker: worker.process.pid }, 'worker listening');
          }
          if (stopping) tell(worker, { say: 'stop' });
          resolve(word);
        } else hear(worker, word);
      });
      worker.once('exit', (status, signal) => {
        const hasServed = current.delete(worker);
        if (hasServed && current.size === 0) generation += 1;
        resolve(null);
        if (stopping || retired.has(worker) || !(hasServed || keepTrying)) return;
        log.error(
          { worker: worker.process.pid, status, signal },
          'a worker has ended; starting another',
        );
        const rest = performance.now() - startedAt > pause ? 0 : pause;
        void delay(rest).then(() => (stopping ? null : start(true)));
      });
    });
  }

  function hear(from: Worker, word: Exclude<WorkerWord, { say: 'listening' }>): void {
    if (word.say === 'wake') {
      for (const worker of current) if (worker !== from) tell(worker, word);
    } else if (word.say === 'counted') {
      counting.get(word.request)?.(from, word.metrics);
    } else {
      void countAll().then((text) => tell(from, { say: 'metrics', request: word.request, text }));
    }
  }

  /** Asks all workers what they have counted; one that does not say it in time is left out. */
  async function countAll(): Promise<string> {
    const request = ++requests;
    const asked = new Set(current);
    const counted: (readonly object[])[] = [];
    const all = new Promise<void>((resolve) => {
      counting.set(request, (worker, metrics) => {
        counted.push(metrics);
        asked.delete(worker);
        if (asked.size === 0) resolve();
      });
    });
    for (const worker of asked) tell(worker, { say: 'count', request });
    await Promise.race([all, delay(countTimeout, undefined, { ref: false })]);
    counting.delete(request);
    return AggregatorRegistry.aggregate(counted).metrics();
  }

  async function retire(worker: Worker): Promise<void> {
    if (worker.isDead()) return;
    const ended = once(worker, 'exit');
    retired.add(worker);
    tell(worker, { say: 'stop' });
    await ended;
  }

  /** @returns false when no other worker came, so that this one stays */
  async function replace(worker: Worker): Promise<boolean> {
    // Of one that has ended by itself another has taken the place.
    if (!current.has(worker)) return true;
    retired.add(worker);
    if ((await start(false)) === null) {
      retired.delete(worker);
      if (!current.has(worker)) void start(true);
      return false;
    }
    await retire(worker);
    return true;
  }

  async function replaceAll(): Promise<void> {
    for (const worker of [...current]) {
      if (stopping) return;
      if (!(await replace(worker))) {
        if (!stopping) log.error({}, 'a new worker does not start; the old ones stay');
        return;
      }
    }
    log.info({}, 'all workers are new');
  }

  const first = await start(false);
  if (first === null) return null;
  await Promise.all(Array.from({ length: count - 1 }, () => start(true)));
  return {
    port: first.port,
    url: first.url,
    told() {
      isTold = true;
      for (const worker of current) {
        tell(worker, { say: 'told' });
        log.info({ worker: worker.process.pid }, 'worker listening');
      }
    },
    workers: {
      async restart() {
        isRestartWanted = true;
        restarting ??= (async () => {
          while (isRestartWanted) {
            isRestartWanted = false;
            await replaceAll();
          }
          restarting = null;
        })();
        await restarting;
      },
      async stop() {
        stopping = true;
        await Promise.all([...current].map(retire));
      },
    },
  };
}
