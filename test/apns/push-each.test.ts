import { describe, expect, it } from 'vitest';
import type { Push } from '../../server/apns/client.ts';
import type { PushOutcome } from '../../server/apns/outcome.ts';
import { pushEach } from '../../server/apns/push-each.ts';
import { aPush, pushService } from './push-service.ts';
import { arrivals, gate } from './waits.ts';

describe('pushing a long list', () => {
  it('reads no more of it than is under way, however slow the answers', async () => {
    const { apns, standIn } = await pushService();
    const slow = gate();
    standIn.rules.push(() => ({ do: 'accept', after: slow.opened }));
    let read = 0;
    async function* source(): AsyncGenerator<Push> {
      for (; read < 500; read += 1) yield aPush();
    }
    const heard: PushOutcome[] = [];
    const ten = arrivals(standIn, 10);
    const all = pushEach(apns, source(), (_push, outcome) => void heard.push(outcome), 10);
    await ten;
    expect(read).toBeLessThanOrEqual(10);
    slow.open();
    await all;
    expect(heard).toHaveLength(500);
    expect(standIn.mostStreams()).toBeLessThanOrEqual(10);
  });

  it('waits for what is done with an outcome', async () => {
    const { apns } = await pushService();
    let busy = 0;
    let most = 0;
    await pushEach(
      apns,
      Array.from({ length: 30 }, () => aPush()),
      async () => {
        busy += 1;
        most = Math.max(most, busy);
        await new Promise(setImmediate);
        busy -= 1;
      },
      3,
    );
    expect(busy).toBe(0);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('ends after what is under way when the list or the hearer fails', async () => {
    const { apns, standIn } = await pushService();
    const fails = new Error('the database is away');
    function* source(): Generator<Push> {
      yield aPush();
      yield aPush();
      throw fails;
    }
    const heard: PushOutcome[] = [];
    const broken = pushEach(apns, source(), (_push, outcome) => void heard.push(outcome));
    await expect(broken).rejects.toBe(fails);
    expect(heard).toHaveLength(2);

    const many = Array.from({ length: 100 }, () => aPush());
    await expect(pushEach(apns, many, () => Promise.reject(fails), 2)).rejects.toBe(fails);
    expect(standIn.pushes.length).toBeLessThan(10);
  });
});

describe('a client', () => {
  it('turns pushes away when too many wait', async () => {
    const { apns, standIn } = await pushService({
      standIn: { maxConcurrentStreams: 1 },
      apns: { limits: { connections: 1, waiting: 5 } },
    });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => apns.push(aPush())));
    const away = outcomes.filter(({ kind }) => kind === 'transient');
    expect(away.length).toBeGreaterThanOrEqual(14);
    expect(away[0]).toMatchObject({ reason: 'too many wait', mayHaveArrived: false });
    expect(standIn.pushes).toHaveLength(20 - away.length);
  });

  it('that stops turns away what waits and hears the answers to what was sent', async () => {
    const { apns, standIn } = await pushService({
      standIn: { maxConcurrentStreams: 2 },
      apns: { limits: { connections: 1 } },
    });
    const slow = gate();
    standIn.rules.push(() => ({ do: 'accept', after: slow.opened }));
    const two = arrivals(standIn, 2);
    const outcomes = Promise.all(Array.from({ length: 5 }, () => apns.push(aPush())));
    await two;
    const stopped = apns.stop();
    expect(await apns.push(aPush())).toMatchObject({ kind: 'transient', reason: 'stopping' });
    slow.open();
    const kinds = (await outcomes).map(({ kind }) => kind);
    expect(kinds).toEqual(['accepted', 'accepted', 'transient', 'transient', 'transient']);
    await stopped;
    expect(standIn.pushes).toHaveLength(2);
  });
});
