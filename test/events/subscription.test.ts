import { beforeEach, describe, expect, it } from 'vitest';
import { EARLIEST, encodeCursor } from '../../server/events/cursor.ts';
import { createFanOut, type FanOut, type Member } from '../../server/events/fan-out.ts';
import { eventPage } from '../../server/events/live-item.ts';
import { createMailbox } from '../../server/events/mailbox.ts';
import { type Events, type EventStore, startEvents } from '../../server/events/open.ts';
import { openSubscription, type SubscribeOptions } from '../../server/events/subscription.ts';
import { localWakeUps } from '../../server/events/wake-ups-local.ts';
import { ForbiddenError } from '../../server/model/errors.ts';
import type { NumberedEvent } from '../../server/model/events.ts';
import { silentLog } from '../../server/model/log.ts';
import { consume, until } from './consumer.ts';
import { countedMetrics } from './counted-metrics.ts';
import { streamModel } from './stream-model.ts';
import { turnedClock } from './turned-clock.ts';

const all: SubscribeOptions = { tenant: null, filter: {}, after: null };

describe('a subscription', () => {
  let store: ReturnType<typeof streamModel>;
  let clock: ReturnType<typeof turnedClock>;
  let metrics: ReturnType<typeof countedMetrics>;
  let events: Events;
  beforeEach(() => {
    store = streamModel();
    clock = turnedClock();
    metrics = countedMetrics();
    const wakeUps = localWakeUps();
    events = startEvents(store, { wakeUps, clock, log: silentLog, metrics });
  });

  async function commit(count: number, event: Partial<NumberedEvent> = {}): Promise<void> {
    const before = store.events.length;
    for (let n = 0; n < count; n += 1) store.append(event);
    events.committed();
    await until(
      () => store.events.length === before + count,
      () => clock.advance(10),
    );
  }

  it('says first where it starts when it starts from now', async () => {
    await commit(3);
    const consumer = consume(events.subscribe(all));
    await until(() => consumer.items.length === 1);
    await commit(2);
    await until(() => consumer.items.length === 3);
    expect(consumer.items[0]).toEqual({
      kind: 'checkpoint',
      cursor: encodeCursor(store.id, store.events[2]?.seq ?? 0n),
    });
    expect(consumer.events).toEqual(store.events.slice(3));
  });

  it('gets what was committed after a cursor that was read before the work', async () => {
    const after = await events.currentCursor();
    await commit(2);
    const consumer = consume(events.subscribe({ ...all, after }));
    await until(() => consumer.events.length === 2);
  });

  it('starts with the oldest event that is kept', async () => {
    await commit(20);
    store.retainFrom(10n);
    const consumer = consume(events.subscribe({ ...all, after: EARLIEST }));
    await until(() => consumer.position() === store.lastSeq());
    expect(consumer.events).toEqual(store.events);
    expect(consumer.events[0]?.seq).toBeGreaterThanOrEqual(10n);
  });

  it('keeps the cursor of a quiet subscriber young', async () => {
    const quiet = { ...all, filter: { enrollmentIds: new Set(['nobody']) } };
    const consumer = consume(events.subscribe(quiet));
    await until(() => consumer.items.length === 1);
    await commit(10);
    await until(
      () => consumer.position() === store.lastSeq(),
      () => clock.advance(10_000),
    );
    expect(consumer.events).toEqual([]);
  });

  it('sends a checkpoint after a stretch that was skipped while catching up', async () => {
    const after = await events.currentCursor();
    await commit(10);
    const consumer = consume(
      events.subscribe({ ...all, filter: { types: new Set(['CommandEnded']) }, after }),
    );
    await until(() => consumer.position() === store.lastSeq());
    expect(consumer.items).toHaveLength(1);
  });

  it('shares one page, with what was loaded for it, among all who get its events', async () => {
    const consumers = [consume(events.subscribe(all)), consume(events.subscribe(all))];
    await until(() => consumers.every(({ items }) => items.length === 1));
    await commit(3);
    await until(() => consumers.every((consumer) => consumer.events.length === 3));
    const pages = consumers.flatMap(({ items }) =>
      items.flatMap((item) => (item.kind === 'event' ? [item.page] : [])),
    );
    expect(new Set(pages).size).toBe(1);
    expect(pages[0]?.events).toEqual(store.events);
  });

  it('that is too slow catches up without a gap or a repeat', async () => {
    const consumer = consume(events.subscribe(all), 1);
    await until(() => consumer.items.length === 1);
    consumer.allow(1);
    await commit(700);
    await until(() => metrics.value('graphmdm_events_overflows_total') === 1);
    consumer.allow(Number.POSITIVE_INFINITY);
    await commit(5);
    await until(() => consumer.position() === store.lastSeq());
    expect(consumer.events).toEqual(store.events);
  });

  it('follows soon although more is handed out whenever it reads', async () => {
    let reads = 0;
    const slow: EventStore = {
      ...store,
      async readEvents(range) {
        const found = await store.readEvents(range);
        reads += 1;
        if (reads <= 10) await commit(2);
        return found;
      },
    };
    events = startEvents(slow, { wakeUps: localWakeUps(), clock, log: silentLog, metrics });
    await commit(3);
    const first = consume(events.subscribe(all));
    await until(() => first.items.length === 1);
    const second = consume(events.subscribe({ ...all, after: EARLIEST }));
    await until(() => second.events.length === 5);
    await commit(1);
    await until(() => second.events.length === 6);
    expect(second.events).toEqual(store.events);
    expect(reads).toBe(1);
  });

  it('goes on after the database was gone', async () => {
    const consumer = consume(events.subscribe(all));
    await until(() => consumer.items.length === 1);
    store.fail(true);
    store.append({});
    events.committed();
    await until(
      () => metrics.value('graphmdm_events_numbering_failures_total') > 1,
      () => clock.advance(1000),
    );
    store.fail(false);
    await until(
      () => consumer.events.length === 1,
      () => clock.advance(1000),
    );
  });

  it('gets what its own process numbered without a read', async () => {
    const consumer = consume(events.subscribe(all));
    await commit(1);
    await until(() => consumer.events.length === 1);
    const before = store.statements();
    for (let n = 2; n <= 5; n += 1) {
      await commit(3);
      await until(() => consumer.events.length === n * 3 - 2);
    }
    expect(store.statements() - before).toBe(4);
    expect(consumer.events).toEqual(store.events);
  });

  it('gets what another process numbered before its own by a read, and nothing twice', async () => {
    const consumer = consume(events.subscribe(all));
    await commit(1);
    await until(() => consumer.events.length === 1);
    store.append({});
    await store.number(true);
    await commit(1);
    await until(() => consumer.events.length === 3);
    await commit(1);
    await until(() => consumer.events.length === 4);
    expect(consumer.events).toEqual(store.events);
  });

  it('does not take what is told of another stream', async () => {
    const consumer = consume(events.subscribe(all));
    await commit(1);
    await until(() => consumer.events.length === 1);
    store.restore('00000000-0000-4000-8000-000000000000');
    await commit(1);
    await consumer.done.catch(() => {});
    expect(consumer.events).toHaveLength(1);
  });

  it('reads nothing when nobody listens', async () => {
    const before = store.statements();
    clock.advance(1000);
    await turn();
    // Numbering, which is nobody's reading.
    expect(store.statements()).toBe(before + 1);
  });

  it('releases everything at once when it is ended while waiting', async () => {
    const items = events.subscribe(all);
    await items.next();
    const waiting = items.next();
    await until(() => clock.timers() > 2);
    const ended = items.return();
    expect(metrics.value('graphmdm_events_subscribers')).toBe(0);
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await ended).toEqual({ done: true, value: undefined });
  });

  it('never starts when it is ended before', async () => {
    const before = store.statements();
    const items = events.subscribe(all);
    await items.return();
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(store.statements()).toBe(before);
  });

  it('ends with the reason that its signal gives, in the middle of a page too', async () => {
    await commit(10);
    for (const read of [2, 11]) {
      const ending = new AbortController();
      const items = events.subscribe({ ...all, after: EARLIEST, ended: ending.signal });
      const consumer = consume(items, read);
      await until(() => consumer.items.length === read);
      ending.abort(new ForbiddenError('TOKEN_REVOKED', 'The token was revoked.'));
      consumer.allow(1);
      await expect(consumer.done).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
      expect(consumer.items).toHaveLength(read);
    }
    expect(metrics.value('graphmdm_events_subscribers')).toBe(0);
  });

  it('ends quietly when the server stops', async () => {
    const consumer = consume(events.subscribe(all));
    await until(() => consumer.items.length === 1);
    await events.stop();
    await consumer.done;
    expect(await events.subscribe(all).next()).toEqual({ done: true, value: undefined });
  });

  it('refuses a cursor that cannot be followed', async () => {
    const after = encodeCursor(store.id, 5n);
    await expect(events.subscribe({ ...all, after }).next()).rejects.toMatchObject({
      code: 'CURSOR_AHEAD',
    });
  });

  it('tells one that follows when the stream became another', async () => {
    const consumer = consume(events.subscribe(all));
    await until(() => consumer.items.length === 1);
    store.restore('11111111-6f0a-4c7e-9d9a-0d3a1a0c5b11');
    clock.advance(1000);
    await expect(consumer.done).rejects.toMatchObject({ code: 'CURSOR_OTHER_STREAM' });
  });

  it('tells one that was too slow when its events are gone', async () => {
    const consumer = consume(events.subscribe(all), 1);
    await until(() => consumer.items.length === 1);
    consumer.allow(1);
    await commit(600);
    await until(() => metrics.value('graphmdm_events_overflows_total') === 1);
    store.retainFrom(590n);
    consumer.allow(Number.POSITIVE_INFINITY);
    await expect(consumer.done).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  });

  it('does not count as seen what reaches it at the moment of its checkpoint', async () => {
    const fanOut = createFanOut({ onFirst: () => {}, onOverflow: () => {} });
    const open = new Set<() => void>();
    const parts = {
      ...store,
      fanOut,
      catchUp: () => Promise.reject(new Error('not needed')),
      clock,
      log: silentLog,
      open,
    };
    const consumer = consume(openSubscription(parts, all));
    await until(() => fanOut.state().members === 1);
    await turn();
    clock.advance(20_000);
    await fanOut.deliver([numbered(1n)], 1n, fanOut.state().era);
    await until(() => consumer.items.length === 2);
    expect(consumer.items.map(({ kind }) => kind)).toEqual(['checkpoint', 'event']);
  });
});

describe('handing out', () => {
  let fanOut: FanOut;
  let overflows: number;
  beforeEach(() => {
    overflows = 0;
    fanOut = createFanOut({ onFirst: () => {}, onOverflow: () => (overflows += 1) });
  });

  function member(position: bigint, filter: Member['filter'] = {}): Member {
    return { tenant: 1, filter, mailbox: createMailbox(), position, following: false };
  }
  function numbers(from: bigint, to: bigint): bigint[] {
    return Array.from({ length: Number(to - from) + 1 }, (_, n) => from + BigInt(n));
  }
  function received({ mailbox }: Member): bigint[] {
    const seqs = [];
    for (let item = mailbox.take(); item; item = mailbox.take()) seqs.push(item.event.seq);
    return seqs;
  }

  it('over several turns counts an event as done only when all have it', async () => {
    const members = Array.from({ length: 200 }, () => member(0n));
    for (const one of members) fanOut.join(one, 'stream');
    const delivered = fanOut.deliver([numbered(1n)], 1n, fanOut.state().era);
    expect(fanOut.finished()).toBe(0n);
    const [early, level] = [member(0n), member(1n)];
    expect(fanOut.join(early, 'stream')).toBe(false);
    expect(fanOut.join(level, 'stream')).toBe(true);
    await delivered;
    expect(fanOut.finished()).toBe(1n);
    expect(members.map(received)).toEqual(members.map(() => [1n]));
    expect(received(level)).toEqual([]);
  });

  describe('to one who comes later and was expected', () => {
    const deliver = async (from: bigint, to: bigint) => {
      await fanOut.deliver(numbers(from, to).map(numbered), to, fanOut.state().era);
    };
    const follower = (): Member => member(0n, { types: new Set(['CommandEnded']) });
    beforeEach(async () => {
      fanOut.join(follower(), 'stream');
      await deliver(1n, 3n);
    });

    it('gives what was handed out meanwhile', async () => {
      const later = member(2n);
      fanOut.expect(later);
      await deliver(4n, 6n);
      expect(fanOut.join(later, 'stream')).toBe(false);
      later.position = 3n;
      expect(fanOut.join(later, 'stream')).toBe(true);
      expect(received(later)).toEqual([4n, 5n, 6n]);
      await deliver(7n, 8n);
      expect(received(later)).toEqual([7n, 8n]);
      expect(fanOut.join(member(6n), 'stream')).toBe(false);
    });

    it('gives an event that is just being handed out to others', async () => {
      for (let n = 0; n < 200; n += 1) fanOut.join(member(3n), 'stream');
      const later = member(3n);
      fanOut.expect(later);
      const delivered = deliver(4n, 5n);
      expect(fanOut.join(later, 'stream')).toBe(true);
      await delivered;
      expect(received(later)).toEqual([4n, 5n]);
    });

    it('gives no more than it can take: the rest is read', async () => {
      const later = member(3n);
      fanOut.expect(later);
      await deliver(4n, 303n);
      expect(fanOut.join(later, 'stream')).toBe(true);
      expect(later).toMatchObject({ following: false, position: 259n });
      expect(received(later)).toEqual(numbers(4n, 259n));
      expect(overflows).toBe(0);
    });

    it('keeps a bounded number', async () => {
      const later = member(3n);
      fanOut.expect(later);
      await deliver(4n, 4100n);
      for (const [position, joins] of [
        [3n, false],
        [2050n, false],
        [2051n, true],
      ] as const) {
        later.position = position;
        expect(fanOut.join(later, 'stream')).toBe(joins);
      }
    });

    it('keeps nothing when it has left, or from before the tail went on elsewhere', async () => {
      const [later, left] = [member(3n), member(3n)];
      fanOut.expect(left);
      fanOut.leave(left);
      await deliver(4n, 5n);
      expect(fanOut.join(left, 'stream')).toBe(false);

      fanOut.expect(later);
      await deliver(6n, 7n);
      fanOut.dislodgeAll();
      fanOut.join(member(20n), 'stream');
      later.position = 5n;
      expect(fanOut.join(later, 'stream')).toBe(false);
    });
  });

  it('ignores what was read for a position that it has left', async () => {
    const first = member(10n);
    fanOut.join(first, 'stream');
    const { era } = fanOut.state();
    fanOut.leave(first);
    const second = member(5n);
    fanOut.join(second, 'stream');
    await fanOut.deliver([numbered(11n)], 11n, era);
    expect(received(second)).toEqual([]);
    expect(fanOut.state().position).toBe(5n);
  });

  it('keeps a bounded number of events and of pages for each', async () => {
    const rare = { types: new Set(['CommandEnded'] as const) };
    const [fast, rarely, never] = [member(0n), member(0n, rare), member(0n)];
    for (const one of [fast, rarely, never]) fanOut.join(one, 'stream');
    const { era } = fanOut.state();
    for (let seq = 1n; rarely.following; seq += 200n) {
      const page = Array.from({ length: 200 }, (_, n) => numbered(seq + BigInt(n)));
      page[199] = { ...numbered(seq + 199n), type: 'CommandEnded' };
      await fanOut.deliver(page, seq + 199n, era);
      expect(received(fast)).toHaveLength(200);
    }
    expect(overflows).toBe(2);
    expect(received(never)).toHaveLength(256);
    expect(received(rarely)).toHaveLength(20);
  });

  it('frees the pages of what was taken', () => {
    const mailbox = createMailbox();
    for (let n = 0; n < 100; n += 1) {
      const page = eventPage(Array.from({ length: 500 }, (_, at) => numbered(BigInt(at))));
      const event = numbered(1n);
      expect(mailbox.offer({ kind: 'event', event, cursor: '', page })).toBe(true);
      expect(mailbox.offer({ kind: 'event', event, cursor: '', page })).toBe(true);
      mailbox.take();
      mailbox.take();
    }
    expect(mailbox.isEmpty()).toBe(true);
  });

  it('times each wait anew, by one timer that outlasts them', async () => {
    const clock = turnedClock();
    const mailbox = createMailbox();
    const page = eventPage([]);
    const item = { kind: 'event', event: numbered(1n), cursor: '', page } as const;
    for (let n = 0; n < 100; n += 1) {
      const wait = mailbox.settled(clock, 20_000);
      clock.advance(150);
      mailbox.offer(item);
      expect(await wait).toBe(true);
      mailbox.take();
    }
    expect(clock.asked, 'timers').toEqual([20_000]);
    let told: boolean | null = null;
    const wait = mailbox.settled(clock, 20_000).then((hasSettled) => (told = hasSettled));
    clock.advance(19_999);
    await turn();
    expect(told).toBeNull();
    clock.advance(1);
    await wait;
    expect(told).toBe(false);
    // A shorter one must not wait for the longer one's timer.
    const long = mailbox.settled(clock, 20_000);
    mailbox.nudge();
    expect(await long).toBe(true);
    const short = mailbox.settled(clock, 1_000);
    clock.advance(1_000);
    expect(await short).toBe(false);
    // Turned back, as after a correction: the wait takes no longer for it.
    let hour = 0;
    const turned = { ...clock, now: () => new Date(clock.now().getTime() - hour) };
    const back = mailbox.settled(turned, 20_000);
    hour = 3_600_000;
    clock.advance(20_000);
    expect(clock.asked.at(-1), 'the rest').toBe(20_000);
    mailbox.nudge();
    expect(await back).toBe(true);
    mailbox.close();
    expect(clock.timers()).toBe(0);
  });
});

function numbered(seq: bigint): NumberedEvent {
  return {
    seq,
    id: seq,
    type: 'CommandAnswered',
    tenantId: 1,
    at: new Date(0),
    traceId: null,
    actor: null,
    enrollmentKey: null,
    enrollmentId: null,
    commandKey: null,
    commandUuid: null,
    checkInId: null,
    jobId: null,
    data: {},
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
