import { randomUUID } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { PushOutcome } from './outcome.ts';
import { transient } from './outcome.ts';
import type { PushIdentity } from './push-identity.ts';
import type { PushRequest } from './push-request.ts';
import type { SessionTimes } from './session.ts';
import type { PoolLimits, TopicPool } from './topic-pool.ts';
import { createTopicPool } from './topic-pool.ts';

/** Whom to wake. */
export interface Push {
  readonly topic: string;
  readonly token: Buffer;
  readonly pushMagic: string;
  /** Until when Apple tries to deliver it. @default in 24 hours, so that a sleeping device hears it */
  readonly expiresAt?: Date;
  /** @default 10, at once */
  readonly priority?: 10 | 5;
}

/** Sends pushes to Apple. */
export interface Apns {
  /**
   * Sends a push and waits for what becomes of it. Never rejects. Callers keep as many pushes under way
   * as they like to wait for; see `pushEach`.
   */
  push(push: Push): Promise<PushOutcome>;
  /** Turns away new pushes, waits for the answers to those that were sent, closes. */
  stop(): Promise<void>;
}

export interface ApnsOptions {
  /** @default Apple's */
  readonly url?: URL;
  /** Whom to trust there instead of the usual authorities, PEM. */
  readonly ca?: string;
  /** See `proxyFromEnvironment`. */
  readonly proxy?: URL | null;
  /**
   * The topic's certificate as it is now, or null. Asked before every push, so that one that another
   * process replaced is used by the next push: the answer should be cached.
   */
  readonly certificateFor: (topic: string) => Promise<PushIdentity | null>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 0 to 1, for the jitter of reconnects. @default Math.random */
  readonly random?: () => number;
  readonly limits?: Partial<PoolLimits>;
  readonly times?: Partial<SessionTimes>;
}

const productionUrl = new URL('https://api.push.apple.com');
const day = 86_400_000;

/** How long `stop` waits for answers, milliseconds. */
const patience = 10_000;

/** Apple allows some 1,000 streams for each connection, and asks for few connections that live long. */
const usualLimits: PoolLimits = { connections: 4, streams: 1000, waiting: 10_000 };
const usualTimes: SessionTimes = { connect: 30_000, ping: 60_000, pong: 10_000, answer: 30_000 };

interface Topic {
  readonly pool: TopicPool;
  /** Number of the question whose answer the pool goes by. */
  asked: number;
}

/** A client of Apple's push service. It connects when the first push of a topic comes. */
export function createApns(options: ApnsOptions): Apns {
  const { clock, log, certificateFor, ca } = options;
  const pool = {
    route: {
      url: options.url ?? productionUrl,
      ...(ca !== undefined && { ca }),
      proxy: options.proxy ?? null,
    },
    clock,
    random: options.random ?? Math.random,
    limits: { ...usualLimits, ...options.limits },
    times: { ...usualTimes, ...options.times },
  };
  const topics = new Map<string, Topic>();
  let questions = 0;
  let stopping = false;
  const count = countIn(options.metrics, topics);

  /** Answers may overtake each other: an older one never puts back an older certificate. */
  function poolFor(topic: string, identity: PushIdentity, asked: number): TopicPool {
    const known = topics.get(topic);
    if (known === undefined) {
      const made = createTopicPool({ ...pool, log: log.child({ topic }) }, identity);
      topics.set(topic, { pool: made, asked });
      return made;
    }
    if (asked > known.asked) {
      known.asked = asked;
      known.pool.use(identity);
    }
    return known.pool;
  }

  /** The certificate was removed: what it has sent is still heard of. */
  function forget(topic: string, asked: number): void {
    const known = topics.get(topic);
    if (known === undefined || asked < known.asked) return;
    topics.delete(topic);
    void known.pool.stop();
  }

  async function push(request: PushRequest): Promise<PushOutcome> {
    const { topic, apnsId } = request;
    if (stopping) return transient(apnsId, 'stopping');
    questions += 1;
    const asked = questions;
    let identity: PushIdentity | null;
    try {
      identity = await certificateFor(topic);
    } catch (error) {
      log.error({ err: error, topic }, 'the push certificate cannot be read');
      return transient(apnsId, 'the push certificate cannot be read');
    }
    if (stopping) return transient(apnsId, 'stopping');
    if (identity === null) {
      forget(topic, asked);
      return {
        kind: 'no-certificate',
        status: null,
        reason: 'no certificate for the topic',
        apnsId,
      };
    }
    return poolFor(topic, identity, asked).push(request);
  }

  return {
    async push({ expiresAt, priority = 10, ...rest }) {
      const from = clock.now().getTime();
      const expires = expiresAt ?? new Date(from + day);
      const outcome = await push({ ...rest, expiresAt: expires, priority, apnsId: randomUUID() });
      count(outcome, (clock.now().getTime() - from) / 1000);
      return outcome;
    },
    async stop() {
      stopping = true;
      const pools = [...topics.values()].map((topic) => topic.pool);
      const stopTimer = clock.setTimer(patience, () => pools.forEach((one) => one.abandon()));
      await Promise.all(pools.map((one) => one.stop()));
      stopTimer();
    },
  };
}

function countIn(metrics: Metrics, topics: ReadonlyMap<string, Topic>) {
  const pushes = metrics.counter('graphmdm_apns_pushes_total', 'Pushes by what became of them', [
    'outcome',
  ]);
  const seconds = metrics.histogram(
    'graphmdm_apns_push_seconds',
    'Time from a push to its outcome',
    ['outcome'],
  );
  const sum = (figure: 'connections' | 'open' | 'waiting') => () =>
    [...topics.values()].reduce((total, { pool }) => total + pool.figures()[figure], 0);
  metrics.gauge('graphmdm_apns_connections', 'Connections to Apple', sum('connections'));
  metrics.gauge('graphmdm_apns_open_pushes', 'Pushes sent and not answered', sum('open'));
  metrics.gauge('graphmdm_apns_waiting_pushes', 'Pushes that wait to be sent', sum('waiting'));
  return (outcome: PushOutcome, took: number): void => {
    pushes({ outcome: outcome.kind });
    seconds(took, { outcome: outcome.kind });
  };
}
