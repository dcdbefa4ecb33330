import type { NumberedEvent } from '../../server/model/events.ts';
import { decodeCursor } from '../../server/events/cursor.ts';
import type { LiveItem, LiveItems } from '../../server/events/live-item.ts';

/** A subscriber that reads as fast as a test lets it, and keeps what it got. */
export interface Consumer {
  readonly events: NumberedEvent[];
  readonly items: LiveItem[];
  /** Number that the last cursor stands for. */
  position(): bigint;
  /** Lets it read that many more items. */
  allow(items: number): void;
  /** Ends the subscription. */
  leave(): Promise<void>;
  /** Settles when the subscription has ended. */
  readonly done: Promise<void>;
}

export function consume(items: LiveItems, allowed = Number.POSITIVE_INFINITY): Consumer {
  const got: LiveItem[] = [];
  let left = allowed;
  let go = (): void => {};

  async function read(): Promise<void> {
    for (;;) {
      while (left <= 0) await new Promise<void>((resolve) => (go = resolve));
      left -= 1;
      const { done, value } = await items.next();
      if (done) return;
      got.push(value);
    }
  }
  const done = read();
  done.catch(() => {});

  return {
    items: got,
    get events() {
      return got.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    },
    position: () => {
      const last = got.at(-1);
      return last === undefined ? -1n : decodeCursor(last.cursor).seq;
    },
    allow(more) {
      left += more;
      go();
    },
    async leave() {
      await items.return();
      left = 1;
      go();
      await done;
    },
    done,
  };
}

/** Turns the event loop until the condition holds. */
export async function until(
  condition: () => boolean,
  meanwhile: () => void = () => {},
): Promise<void> {
  while (!condition()) {
    meanwhile();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
