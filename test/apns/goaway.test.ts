import { describe, expect, it } from 'vitest';
import { everyNth } from '../../clients/simulator/apns/script.ts';
import type { PushOutcome } from '../../server/apns/outcome.ts';
import { pushEach } from '../../server/apns/push-each.ts';
import { turnedClock } from '../events/turned-clock.ts';
import { aPush, pushService } from './push-service.ts';
import { arrivals, gate, tally } from './waits.ts';

describe('GOAWAY', () => {
  it.each(['this', 'before'] as const)(
    'again and again under load loses and doubles nothing (%s push is the last)',
    async (last) => {
      const { apns, standIn } = await pushService({ standIn: { maxConcurrentStreams: 100 } });
      standIn.rules.push(everyNth(97, { do: 'goaway', last }));
      const pushes = Array.from({ length: 2000 }, () => aPush());
      const outcomes: PushOutcome[] = [];
      await pushEach(apns, pushes, (_push, outcome) => void outcomes.push(outcome), 400);
      expect(tally(outcomes)).toEqual({ accepted: 2000 });
      expect(standIn.pushes).toHaveLength(2000);
      expect(new Set(standIn.pushes.map(({ token }) => token)).size).toBe(2000);
      expect(standIn.connections()).toBeGreaterThan(15);
    },
  );

  it('with an error, and with lost connections, doubles only what may have arrived', async () => {
    const { apns, standIn } = await pushService({ standIn: { maxConcurrentStreams: 100 } });
    standIn.rules.push(
      everyNth(211, { do: 'goaway', last: 'this', code: 2 }),
      everyNth(301, { do: 'drop', heard: true }),
      everyNth(100, { do: 'refuse', reason: 'ServiceUnavailable' }),
    );
    const open = new Set(Array.from({ length: 2000 }, () => aPush()));
    const unsure = new Set<string>();
    for (let round = 0; open.size > 0 && round < 20; round += 1) {
      await pushEach(apns, [...open], (push, outcome) => {
        expect(['accepted', 'transient']).toContain(outcome.kind);
        if (outcome.kind === 'accepted') open.delete(push);
        if (outcome.kind === 'transient' && outcome.mayHaveArrived) {
          unsure.add(push.token.toString('hex'));
        }
      });
    }
    expect(open.size).toBe(0);
    const heard = new Map<string, number>();
    for (const { token } of standIn.pushes) heard.set(token, (heard.get(token) ?? 0) + 1);
    expect(heard.size).toBe(2000);
    const doubled = [...heard].filter(([, times]) => times > 1).map(([token]) => token);
    expect(doubled.filter((token) => !unsure.has(token))).toEqual([]);
    expect(unsure.size).toBeGreaterThan(0);
  });

  it('lets what was sent before it be answered', async () => {
    const { apns, standIn } = await pushService();
    const slow = gate();
    standIn.rules.push((_push, number) =>
      number <= 10 ? { do: 'accept', after: slow.opened } : undefined,
    );
    const ten = arrivals(standIn, 10);
    const early = Promise.all(Array.from({ length: 10 }, () => apns.push(aPush())));
    await ten;
    standIn.goawayAll();
    expect(await apns.push(aPush())).toMatchObject({ kind: 'accepted' });
    slow.open();
    expect(tally(await early)).toEqual({ accepted: 10 });
    expect(standIn.pushes).toHaveLength(11);
  });

  it('leaves no connection behind, even if the server never closes its side', async () => {
    const { apns, standIn } = await pushService({ apns: { clock: turnedClock() } });
    standIn.rules.push((_push, number) =>
      number === 3 ? { do: 'goaway', last: 'before' } : undefined,
    );
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => apns.push(aPush())));
    expect(tally(outcomes)).toEqual({ accepted: 6 });
    expect(standIn.connections()).toBe(2);
    // The clock stands still: nothing but the connections' own end lets this end.
    await apns.stop();
  });
});
