import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';
import { handOnLostConnections } from './lost-connections.ts';
import { type Clock, systemClock } from './model/clock.ts';
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
/** How long a worker that listens is watched before one that it is to replace makes way, in milliseconds. */
const probation = 1_000;
/** After so long a worker that was told to end is killed, in milliseconds: its parts take two minutes together. */
const longestStop = 150_000;
/** How long a worker may take to say what it has counted, in milliseconds. */
const countTimeout = 1_000;

/** While no worker is left nothing else keeps the primary process alive. */
const ownClock: Clock = {
  ...systemClock,
  setTimer(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** A worker and what it has said when it listened. */
interface Listening {
  readonly worker: Worker;
  readonly port: number;
  readonly url: string;
}

/** Why a worker is started, which decides what happens when it ends. */
type Role =
  /** The first: when it ends before it listens, that is the end of the start. */
  | 'first'
  /** One of those that are to be there: another is started when it ends. */
  | 'needed'
  /** In the place of one that still serves: until it has proved itself no other is started when it ends. */
  | 'successor';

/**
 * Starts this same program `count` times, as workers of this process, which itself serves nothing: the
 * first alone, so that what keeps it from starting is said once.
 * @returns null when the first one has ended instead of listening; it has said why
 */
export async function startWorkers(
  count: number,
  log: Log,
  clock = ownClock,
): Promise<WorkersStarted | null> {
  const current = new Set<Worker>();
  /** Those that are to end because another has taken their place. */
  const retired = new WeakSet<Worker>();
  /** Successors that have not proved themselves. */
  const onTrial = new WeakSet<Worker>();
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

  /** Starts one; resolves when it listens, or with null when it has ended before. */
  function start(role: Role): Promise<Listening | null> {
    const startedAt = clock.now().getTime();
    const startAnother = (): void => {
      const rest = clock.now().getTime() - startedAt > pause ? 0 : pause;
      clock.setTimer(rest, () => void (stopping ? null : start('needed')));
    };
    let worker: Worker;
    try {
      worker = cluster.fork();
    } catch (error) {
      log.error({ err: error }, 'a worker cannot be started');
      if (role === 'needed') startAnother();
      return Promise.resolve(null);
    }
    if (role === 'successor') onTrial.add(worker);
    handOnLostConnections(worker, () => (current.size === 0 ? null : generation));
    return new Promise((resolve) => {
      const ended = (how: Readonly<Record<string, unknown>>): void => {
        const hasServed = current.delete(worker);
        if (hasServed && current.size === 0) generation += 1;
        resolve(null);
        if (stopping || retired.has(worker) || onTrial.has(worker)) return;
        if (!hasServed && role !== 'needed') return;
        const about = { worker: worker.process.pid, ...how };
        log.error(about, 'a worker has ended; starting another');
        startAnother();
      };
      worker.on('message', (word: WorkerWord) => {
        if (word.say !== 'listening') return hear(worker, word);
        current.add(worker);
        if (isTold) {
          tell(worker, { say: 'told' });
          log.info({ worker: worker.process.pid }, 'worker listening');
        }
        if (stopping) tell(worker, { say: 'stop' });
        resolve({ worker, port: word.port, url: word.url });
      });
      worker.once('exit', (status, signal) => ended({ status, signal }));
      // It has died and was told something before that could be seen; or there was no process to be had.
      worker.on('error', (error) => {
        if (worker.process.pid === undefined) ended({ err: error });
        else log.warn({ err: error, worker: worker.process.pid }, 'a worker could not be told');
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
    retired.add(worker);
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    tell(worker, { say: 'stop' });
    const cancel = clock.setTimer(longestStop, () => {
      log.error({ worker: worker.process.pid }, 'a worker did not end in time; it is killed');
      worker.process.kill('SIGKILL');
    });
    await ended;
    cancel();
  }

  /** @returns false when no other worker came, so that this one stays */
  async function replace(worker: Worker): Promise<boolean> {
    // Of one that has ended by itself another has taken the place.
    if (!current.has(worker)) return true;
    const next = await start('successor');
    if (next === null) return false;
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimer(probation, resolve);
      next.worker.once('exit', () => {
        cancel();
        resolve();
      });
    });
    onTrial.delete(next.worker);
    if (!current.has(next.worker)) return false;
    // Of one that has ended meanwhile, too: then the successor is one too many.
    await retire(current.has(worker) ? worker : next.worker);
    return true;
  }

  async function replaceAll(): Promise<void> {
    for (const worker of [...current]) {
      const isReplaced = await replace(worker);
      if (stopping) return;
      if (!isReplaced) return log.error({}, 'a new worker does not stay; the old ones do');
    }
    log.info({}, 'all workers are new');
  }

  const first = await start('first');
  if (first === null) return null;
  await Promise.all(Array.from({ length: count - 1 }, () => start('needed')));
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
        if (restarting !== null) log.info({}, 'workers are being replaced; once more after that');
        isRestartWanted = true;
        restarting ??= (async () => {
          while (isRestartWanted && !stopping) {
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
