import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCursor, decodeCursor, EARLIEST } from '../../server/events/cursor.ts';
import type { Interest } from '../../server/events/interest.ts';
import { startEvents } from '../../server/events/open.ts';
import { localWakeUps } from '../../server/events/wake-ups-local.ts';
import type { EventFilter, EventType, NumberedEvent } from '../../server/model/events.ts';
import { silentLog } from '../../server/model/log.ts';
import { consume, type Consumer, until } from './consumer.ts';
import { countedMetrics } from './counted-metrics.ts';
import { streamModel } from './stream-model.ts';
import { turnedClock } from './turned-clock.ts';

const types: EventType[] = ['CommandAnswered', 'CommandEnqueued', 'EnrollmentTokenUpdated'];
const names = ['a', 'b', 'c'];
const event: fc.Arbitrary<Partial<NumberedEvent>> = fc.record({
  type: fc.constantFrom(...types),
  tenantId: fc.constantFrom(1, 2),
  enrollmentId: fc.constantFrom(...names, null),
  commandUuid: fc.constantFrom(...names, null),
});
const some = <T>(values: readonly T[]) => fc.subarray([...values]).map((chosen) => new Set(chosen));
const interest: fc.Arbitrary<Interest> = fc.record({
  tenant: fc.constantFrom(1, 2, null),
  filter: fc.oneof(
    fc.constant({}),
    fc.record<EventFilter, never>(
      { types: some(types), enrollmentIds: some(names), commandUuids: some(names) },
      { requiredKeys: [] },
    ),
  ),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      events: fc.array(event, { maxLength: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('flood' as const),
      event,
      times: fc.integer({ min: 200, max: 600 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('turn' as const),
      times: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('tick' as const),
      ms: fc.constantFrom(5, 1000, 20_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      interest,
      after: fc.constantFrom('now' as const, 'earliest' as const, 'cursor' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      allowed: fc.constantFrom(0, 3, Number.POSITIVE_INFINITY),
      // More than are served in one turn of the event loop.
      times: fc.constantFrom(1, 1, 1, 1, 1, 70),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('allow' as const),
      who: fc.nat(20),
      items: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), down: fc.boolean() }) },
);

const script = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' });
const latencies = fc.array(fc.nat(5), { minLength: 1, maxLength: 10 });

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Follower {
  readonly interest: Interest;
  readonly consumer: Consumer;
  /** Known from the cursor it came with; null: the first checkpoint says. */
  readonly from: bigint | null;
}

describe('the live stream', () => {
  it('gives every subscriber exactly its events, in order, whatever happens in between', async () => {
    let overflows = 0;
    await fc.assert(
      fc.asyncProperty(script, latencies, async (steps, latencies) => {
        const store = streamModel(latencies);
        const clock = turnedClock();
        const metrics = countedMetrics();
        const events = startEvents(store, {
          wakeUps: localWakeUps(),
          clock,
          log: silentLog,
          metrics,
        });
        const followers: Follower[] = [];
        const left: Follower[] = [];
        for (const action of steps) {
          switch (action.do) {
            case 'append':
              for (const one of action.events) store.append(one);
              events.committed();
              break;
            case 'flood':
              for (let n = 0; n < action.times; n += 1) store.append(action.event);
              events.committed();
              break;
            case 'turn':
              for (let n = 0; n < action.times; n += 1) await turn();
              break;
            case 'tick':
              clock.advance(action.ms);
              break;
            case 'subscribe': {
              const at = BigInt(Math.floor(action.at * Number(store.lastSeq())));
              const after =
                action.after === 'now'
                  ? null
                  : action.after === 'earliest'
                    ? EARLIEST
                    : encodeCursor(store.id, at);
              const from = { now: null, earliest: 0n, cursor: at }[action.after];
              store.fail(false);
              for (let n = 0; n < action.times; n += 1) {
                const items = events.subscribe({ ...action.interest, after });
                const consumer = consume(items, action.allowed);
                followers.push({ interest: action.interest, consumer, from });
              }
              break;
            }
            case 'allow':
              followers[action.who % followers.length]?.consumer.allow(action.items);
              break;
            case 'leave': {
              const [gone] = followers.splice(action.who, 1);
              if (gone) {
                await gone.consumer.leave().catch(() => {});
                left.push(gone);
              }
              break;
            }
            case 'break':
              // A subscription that cannot even read where it starts fails at once, on purpose.
              if (followers.every(({ consumer }) => consumer.items.length > 0)) {
                store.fail(action.down);
              }
              break;
          }
        }

        store.fail(false);
        for (const { consumer } of followers) consumer.allow(Number.POSITIVE_INFINITY);
        events.committed();
        let numbered = false;
        await until(
          () => (numbered ||= metrics.value('graphmdm_events_numbered_total') === total(steps)),
          () => clock.advance(1000),
        );
        await until(
          () => followers.every(({ consumer }) => consumer.position() === store.lastSeq()),
          () => clock.advance(1000),
        );
        for (const follower of followers) {
          const { seen, wanted, cursors } = compare(follower);
          expect(seen).toEqual(wanted);
          expect(cursors).toEqual(cursors.toSorted((a, b) => Number(a - b)));
        }
        for (const follower of left) {
          const { seen, wanted } = compare(follower);
          expect(seen).toEqual(wanted.slice(0, seen.length));
        }
        expect(metrics.value('graphmdm_events_subscribers')).toBe(followers.length);
        overflows += metrics.value('graphmdm_events_overflows_total');
        await events.stop();
        await Promise.all(followers.map(({ consumer }) => consumer.done));
        expect(metrics.value('graphmdm_events_subscribers')).toBe(0);
        expect(clock.timers()).toBe(0);

        function compare({ consumer, interest, from }: Follower) {
          const [first] = consumer.items;
          const start = from ?? (first ? decodeCursor(first.cursor).seq : 0n);
          return {
            seen: consumer.events.map(({ seq }) => seq),
            // A checkpoint that lies behind an event must not come before it.
            cursors: consumer.items.map(({ cursor }) => decodeCursor(cursor).seq),
            wanted: store.wanted(interest, start).map(({ seq }) => seq),
          };
        }
      }),
      { numRuns: 60 },
    );
    expect(overflows).toBeGreaterThan(0);
  }, 120_000);
});

function total(steps: readonly Step[]): number {
  let count = 0;
  for (const action of steps) {
    if (action.do === 'append') count += action.events.length;
    if (action.do === 'flood') count += action.times;
  }
  return count;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
