import type { Clock } from '../model/clock.ts';
import type { EventItem } from './live-item.ts';

/** How many events may wait for one subscriber. */
export const mostItems = 256;
/** How many events all pages together may have that one subscriber keeps from being freed. */
const mostKept = 4096;

/** Why waiting has ended: somebody closed the mailbox. */
export class MailboxClosed extends Error {
  override readonly name = 'MailboxClosed';
}

/**
 * What lies between the tail and one subscriber: a bounded queue with one reader, whose every wait
 * ends at once when the mailbox is closed.
 */
export interface Mailbox {
  /** @returns false when it is full; the item is not taken */
  offer(item: EventItem): boolean;
  take(): EventItem | undefined;
  isEmpty(): boolean;
  /** Ends a running `settled`. */
  nudge(): void;
  /**
   * Waits for an item or a nudge.
   * @returns false after `ms` milliseconds without either
   * @throws {MailboxClosed}
   */
  settled(clock: Clock, ms: number): Promise<boolean>;
  /**
   * Waits for something else.
   * @throws {MailboxClosed} at once when the mailbox is closed meanwhile
   */
  until<T>(work: Promise<T>): Promise<T>;
  /** Forgets all items and ends every wait, now and later. */
  close(): void;
}

export function createMailbox(): Mailbox {
  let items: (EventItem | undefined)[] = [];
  let head = 0;
  let kept = 0;
  let closed = false;
  let wake: ((hasSettled: boolean) => void) | null = null;
  let giveUp: ((error: MailboxClosed) => void) | null = null;
  /** How long the wait in hand may take, and until when; and the timer for it, which outlasts waits that end earlier. */
  let most = 0;
  let due = 0;
  let alarm: { readonly at: number; readonly cancel: () => void } | null = null;

  function until<T>(work: Promise<T>): Promise<T> {
    if (closed) {
      work.catch(() => {});
      return Promise.reject(new MailboxClosed());
    }
    // Not Promise.race with one promise of closing: that would gather a reaction for each wait.
    return new Promise<T>((resolve, reject) => {
      giveUp = reject;
      work.then(resolve, reject);
    });
  }

  function setAlarm(clock: Clock, now: number): void {
    const at = due;
    // The clock may have been turned back.
    const cancel = clock.setTimer(Math.min(at - now, most), () => {
      alarm = null;
      if (wake === null) return;
      const then = clock.now().getTime();
      if (then < due) setAlarm(clock, then);
      else endWait(false);
    });
    alarm = { at, cancel };
  }

  function endWait(hasSettled: boolean): void {
    if (wake === null) return;
    const end = wake;
    wake = null;
    giveUp = null;
    end(hasSettled);
  }

  return {
    offer(item) {
      const last = items.at(-1);
      const newlyKept = last?.page === item.page ? 0 : item.page.events.length;
      const waiting = items.length - head;
      if (waiting >= mostItems || (waiting > 0 && kept + newlyKept > mostKept)) return false;
      items.push(item);
      kept += newlyKept;
      endWait(true);
      return true;
    },
    take() {
      const item = items[head];
      if (item === undefined) return undefined;
      // Behind a long wait the array is an old object and would keep it from being freed (see `PatientIterator`).
      items[head] = undefined;
      head += 1;
      if (items[head]?.page !== item.page) kept -= item.page.events.length;
      if (head === items.length || head >= mostItems) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    isEmpty: () => head === items.length,
    nudge() {
      endWait(true);
    },
    settled(clock, ms) {
      if (closed) return Promise.reject(new MailboxClosed());
      const now = clock.now().getTime();
      most = ms;
      due = now + ms;
      if (alarm === null || alarm.at > due) {
        alarm?.cancel();
        setAlarm(clock, now);
      }
      return new Promise((resolve, reject) => {
        wake = resolve;
        giveUp = reject;
      });
    },
    until,
    close() {
      closed = true;
      items = [];
      head = 0;
      kept = 0;
      alarm?.cancel();
      alarm = null;
      wake = null;
      giveUp?.(new MailboxClosed());
      giveUp = null;
    },
  };
}
