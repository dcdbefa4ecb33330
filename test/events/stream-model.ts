import type { EventType, NumberedEvent } from '../../server/model/events.ts';
import type { EventStore } from '../../server/events/open.ts';
import { type Interest, isWanted } from '../../server/events/interest.ts';

/** The event rows as thirty lines: what the database does, without one. */
export interface StreamModel extends EventStore {
  readonly id: string;
  readonly events: NumberedEvent[];
  /** Appends an event that is committed and has no number yet. */
  append(event: Partial<NumberedEvent>): void;
  lastSeq(): bigint;
  /** Gives a new identity, as a restored backup has. */
  restore(id: string): void;
  /** Deletes what lies below a number. */
  retainFrom(seq: bigint): void;
  /** From now on every statement fails, or none. */
  fail(failing: boolean): void;
  /** How many statements were run. */
  statements(): number;
  /** What a subscriber has to get. */
  wanted(interest: Interest, after: bigint): NumberedEvent[];
}

/** @param latencies turns of the event loop that statements take, one after the other, again and again */
export function streamModel(latencies: readonly number[] = [1]): StreamModel {
  const events: NumberedEvent[] = [];
  let waiting: Partial<NumberedEvent>[] = [];
  let id = '6f1d1f0e-6f0a-4c7e-9d9a-0d3a1a0c5b11';
  let lastSeq = 0n;
  let oldestSeq = 1n;
  let nextId = 1n;
  let failing = false;
  let statements = 0;

  async function statement(): Promise<void> {
    const turns = latencies[statements % latencies.length] ?? 1;
    statements += 1;
    for (let n = 0; n < turns; n += 1) await new Promise<void>((resolve) => setImmediate(resolve));
    if (failing) throw new Error('the database is gone');
  }

  return {
    get id() {
      return id;
    },
    events,
    append(event) {
      waiting.push(event);
    },
    lastSeq: () => lastSeq,
    restore(newId) {
      id = newId;
    },
    retainFrom(seq) {
      oldestSeq = seq;
      while ((events[0]?.seq ?? seq) < seq) events.shift();
    },
    fail(value) {
      failing = value;
    },
    statements: () => statements,
    wanted: (interest, after) =>
      events.filter((event) => event.seq > after && isWanted(interest, event)),
    async number(tell) {
      await statement();
      const after = lastSeq;
      const taken = waiting.slice(0, 1000);
      waiting = waiting.slice(1000);
      for (const event of taken) {
        // Some numbers stay unused.
        lastSeq += nextId % 7n === 0n ? 3n : 1n;
        events.push({ ...blank, ...event, seq: lastSeq, id: nextId });
        nextId += 1n;
      }
      const told = tell && taken.length > 0 && taken.length <= 30;
      const news = told ? { streamId: id, after, events: events.slice(-taken.length) } : null;
      const numbering = { numbered: taken.length, lastSeq, busy: false, news };
      return { ...numbering, more: taken.length === 1000 };
    },
    async readStream() {
      const now = { id, lastSeq, oldestSeq };
      await statement();
      return now;
    },
    async readNew({ after, upTo, limit, types }) {
      const stream = { id, lastSeq, oldestSeq };
      const now = [...events];
      await statement();
      const end = upTo === undefined || upTo > stream.lastSeq ? stream.lastSeq : upTo;
      const found = now.filter(
        ({ seq, type }) => seq > after && seq <= end && (types?.has(type) ?? true),
      );
      return { stream, events: found.slice(0, limit) };
    },
    async readEvents({ after, upTo, limit, tenant = null, filter = {} }) {
      const now = [...events];
      await statement();
      return now
        .filter((event) => event.seq > after && event.seq <= upTo)
        .filter((event) => isWanted({ tenant, filter }, event))
        .slice(0, limit);
    },
  };
}

const type: EventType = 'CommandAnswered';
const blank: NumberedEvent = {
  seq: 0n,
  id: 0n,
  type,
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
