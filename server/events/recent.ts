import type { NumberedEvent } from '../model/events.ts';

/** How many events are kept at most, however slow somebody's reads are: some megabytes. */
const mostEvents = 4096;

/**
 * What is handed out while somebody catches up, for him to go on with: otherwise who reads more slowly than events
 * come would never follow. While nobody does, nothing is kept, which would only grow old.
 */
export interface Recent<T> {
  /** Keeps events from now on, which lie behind this number, until `forget`. */
  keepFor(one: T, after: bigint): void;
  forget(one: T): void;
  /** Keeps for everybody anew, from this number on. */
  restart(after: bigint): void;
  /** What is handed out, in the stream's order. */
  add(event: NumberedEvent): void;
  /** Every event behind a number, or null when some of them are not here. */
  behind(position: bigint): readonly NumberedEvent[] | null;
}

export function createRecent<T>(): Recent<T> {
  const keptFor = new Set<T>();
  let events: NumberedEvent[] = [];
  let after = 0n;

  function restart(from: bigint): void {
    events = [];
    after = from;
  }

  return {
    keepFor(one, from) {
      if (keptFor.size === 0) restart(from);
      keptFor.add(one);
    },
    forget(one) {
      if (keptFor.delete(one) && keptFor.size === 0) events = [];
    },
    restart,
    add(event) {
      if (keptFor.size === 0) return;
      events.push(event);
      if (events.length <= mostEvents) return;
      const dropped = events.splice(0, mostEvents / 2);
      after = dropped.at(-1)?.seq ?? after;
    },
    behind(position) {
      if (keptFor.size === 0 || position < after) return null;
      return events.filter((event) => event.seq > position);
    },
  };
}
