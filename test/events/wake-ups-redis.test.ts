import { afterEach, describe, expect, it } from 'vitest';
import { redisWakeUps } from '../../server/events/wake-ups-redis.ts';
import type { WakeUps } from '../../server/events/wake-ups.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { redisUrl } from '../harness/database.ts';
import { type CountedMetrics, countedMetrics } from './counted-metrics.ts';
import { type Proxy, startProxy } from './half-open-proxy.ts';

const failures = 'graphmdm_wake_up_failures_total';

describe.skipIf(!redisUrl())('wake-ups over Redis', () => {
  let proxy: Proxy;
  let near: WakeUps;
  let far: WakeUps;
  let nearMetrics: CountedMetrics;
  let farMetrics: CountedMetrics;
  let heard: Heard;

  afterEach(async () => {
    await near.close();
    await far.close();
    await proxy.close();
  });

  /** @param answerWithinMs  after which silence a connection is made anew, and loses what is under way */
  async function start({ answerWithinMs }: { readonly answerWithinMs: number }): Promise<void> {
    const url = new URL(redisUrl() ?? '');
    proxy = await startProxy({ host: url.hostname, port: Number(url.port || 6379) });
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const prefix = `graphmdm-test-${process.pid}-${Math.random().toString(36).slice(2)}:`;
    const common = { url: url.href, prefix, clock: systemClock, log: silentLog };
    const quick = { pingEveryMs: 25, answerWithinMs };
    nearMetrics = countedMetrics();
    farMetrics = countedMetrics();
    near = redisWakeUps({ ...common, ...quick, metrics: nearMetrics });
    far = redisWakeUps({ ...common, ...quick, metrics: farMetrics });
    heard = listen(far);
    await heard.next((lastSeq) => lastSeq === null);
    // The publisher connects by itself, and may come second.
    await publishUntilHeard(1n);
  }

  async function publishUntilHeard(lastSeq: bigint): Promise<void> {
    const arrived = heard.next((seq) => seq === lastSeq);
    let waiting = true;
    void arrived.then(() => (waiting = false));
    while (waiting) {
      near.publish(lastSeq);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('reach other processes, and this one at once', async () => {
    await start({ answerWithinMs: 60_000 });
    const own = listen(near);
    const arrived = heard.next((lastSeq) => lastSeq === 42n);
    near.publish(42n);
    expect(own.all).toEqual([42n]);
    await arrived;
  });

  it('never throw while Redis is gone, count what was lost, and wake once when it is back', async () => {
    await start({ answerWithinMs: 60_000 });
    const before = nearMetrics.value(failures);
    proxy.cut();
    while (nearMetrics.value(failures) < before + 3) {
      near.publish(7n);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const woken = heard.next((lastSeq) => lastSeq === null);
    proxy.mend();
    await woken;
    await publishUntilHeard(8n);
  });

  it('notice a connection whose other end has silently gone', async () => {
    await start({ answerWithinMs: 100 });
    const woken = heard.next((lastSeq) => lastSeq === null);
    proxy.swallow();
    await woken;
    expect(farMetrics.value(failures)).toBeGreaterThan(0);
    await publishUntilHeard(9n);
  });
});

interface Heard {
  readonly all: (bigint | null)[];
  /** Settles with the next wake-up that the condition holds for. */
  next(condition: (lastSeq: bigint | null) => boolean): Promise<void>;
}

function listen(wakeUps: WakeUps): Heard {
  const all: (bigint | null)[] = [];
  const waiting = new Set<(lastSeq: bigint | null) => void>();
  wakeUps.subscribe((lastSeq) => {
    all.push(lastSeq);
    for (const check of waiting) check(lastSeq);
  });
  return {
    all,
    next: (condition) =>
      new Promise((resolve) => {
        const check = (lastSeq: bigint | null): void => {
          if (!condition(lastSeq)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
      }),
  };
}
