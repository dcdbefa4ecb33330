import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { every } from './every.ts';
import type { WakeUpListener, WakeUps } from './wake-ups.ts';

export interface RedisWakeUpOptions {
  /** `redis://` or `rediss://` address. */
  readonly url: string;
  /** In front of the channel's name, so that several installations can share one Redis. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How often each connection is tried out, in milliseconds. @default 5000 */
  readonly pingEveryMs?: number;
  /** How long Redis may take to answer anything, in milliseconds. @default 2000 */
  readonly answerWithinMs?: number;
}

/**
 * Wake-ups over Redis pub/sub. Redis may vanish at any time and come back: what was published
 * meanwhile is lost, so every new connection wakes its listeners once.
 */
export function redisWakeUps(options: RedisWakeUpOptions): WakeUps {
  const { clock, prefix } = options;
  const channel = `${prefix}events`;
  const listeners = new Set<WakeUpListener>();
  const failed = options.metrics.counter(
    'graphmdm_wake_up_failures_total',
    'Wake-ups that Redis did not take, and connections to it that failed.',
    ['what'],
  );
  const log = options.log.child({ part: 'wake-ups' });
  const wake = (lastSeq: bigint | null): void => {
    for (const listener of listeners) listener(lastSeq);
  };

  const answerWithinMs = options.answerWithinMs ?? 2000;
  const common = {
    commandTimeout: answerWithinMs,
    // A peer that has silently gone never answers our goodbye either.
    disconnectTimeout: Math.min(500, answerWithinMs),
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 2000),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
  } satisfies RedisOptions;
  const publisher = new Redis(options.url, { ...common });
  // It subscribes by our own hand when it is ready: only after that is waking up free of a gap.
  const subscriber = new Redis(options.url, { ...common, autoResubscribe: false });

  watch('publisher', publisher);
  watch('subscriber', subscriber);
  subscriber.on('ready', () => {
    subscriber.subscribe(channel).then(
      () => wake(null),
      (error: unknown) => lost('subscriber', subscriber, error),
    );
  });
  subscriber.on('message', (_channel, message) => {
    wake(/^\d{1,19}$/.test(message) ? BigInt(message) : null);
  });

  // A connection whose other end has silently gone stays "ready" for a quarter of an hour: only a
  // question without an answer shows it.
  const endPings = every(clock, options.pingEveryMs ?? 5000, () => {
    for (const [what, redis] of [
      ['publisher', publisher],
      ['subscriber', subscriber],
    ] as const) {
      if (redis.status !== 'ready') continue;
      redis.ping().catch((error: unknown) => lost(what, redis, error));
    }
  });

  /** Ends a connection that does not answer, so that the client makes a new one. */
  function lost(what: string, redis: Redis, error: unknown): void {
    failed({ what });
    log.warn({ what, error: messageOf(error) }, 'Redis does not answer');
    if (redis.status === 'ready') redis.disconnect(true);
  }

  /** Counts failures, and logs a connection's change to bad and back to good once each. */
  function watch(what: string, redis: Redis): void {
    let bad = false;
    redis.on('error', (error: unknown) => {
      failed({ what });
      if (bad) return;
      bad = true;
      log.warn(
        { what, error: messageOf(error) },
        'Redis is out of reach: events reach other processes up to a second late',
      );
    });
    redis.on('ready', () => {
      if (bad) log.info({ what }, 'Redis is back');
      bad = false;
    });
  }

  return {
    publish(lastSeq) {
      wake(lastSeq);
      if (publisher.status !== 'ready') {
        failed({ what: 'publish' });
        return;
      }
      publisher.publish(channel, String(lastSeq)).catch((error: unknown) => {
        lost('publish', publisher, error);
      });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      endPings();
      listeners.clear();
      for (const redis of [publisher, subscriber]) redis.disconnect();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
