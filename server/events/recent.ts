import type { NumberedEvent } from '../model/events.ts';

/**
 * So little that it is let go of while it is young, and more than what is handed out while a subscriber
 * catches up with a slow database.
 */
const mostPages = 8;
const mostEvents = 512;

/** The last events that were handed out, for one who comes a moment later. */
export interface Recent {
  /** Forgets everything. */
  clear(): void;
  /** Begins a page of events, which lie behind this number. */
  begin(after: bigint): void;
  /** Adds an event to the page that was begun, in the stream's order. */
  add(event: NumberedEvent): void;
  /** Every event behind a number, or null when some of them are no longer here. */
  behind(position: bigint): readonly NumberedEvent[] | null;
}

export function createRecent(): Recent {
  const pages: { readonly after: bigint; readonly events: NumberedEvent[] }[] = [];
  let count = 0;

  return {
    clear() {
      pages.length = 0;
      count = 0;
    },
    begin(after) {
      pages.push({ after, events: [] });
      while (pages.length > mostPages || (pages.length > 1 && count > mostEvents)) {
        count -= pages.shift()?.events.length ?? 0;
      }
    },
    add(event) {
      pages.at(-1)?.events.push(event);
      count += 1;
    },
    behind(position) {
      const [oldest] = pages;
      if (oldest === undefined || position < oldest.after) return null;
      return pages.flatMap(({ events }) => events.filter((event) => event.seq > position));
    },
  };
}
