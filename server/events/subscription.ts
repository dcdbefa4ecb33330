import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { Clock } from '../model/clock.ts';
import { UserError } from '../model/errors.ts';
import type { EventFilter } from '../model/events.ts';
import type { Log } from '../model/log.ts';
import { over } from '../model/patient-iterator.ts';
import type { TenantId } from '../model/viewer.ts';
import type { CatchUp, CaughtUp } from './catch-up.ts';
import { EARLIEST, encodeCursor, startPosition } from './cursor.ts';
import type { FanOut, Member } from './fan-out.ts';
import {
  type CheckpointItem,
  type EventPage,
  eventPage,
  type LiveItem,
  type LiveItems,
} from './live-item.ts';
import { createMailbox, MailboxClosed } from './mailbox.ts';
import type { EventReads } from './tail.ts';

/** Promised are 30 seconds; the rest is for the road. */
const checkpointMs = 20_000;
const retryMs = 1000;
/** Items between two turns of the event loop, in which devices are answered. */
const itemsPerTurn = 32;

export interface SubscribeOptions {
  /** The viewer's tenant; null: every tenant's events. */
  readonly tenant: TenantId | null;
  readonly filter: EventFilter;
  /** A cursor, `EARLIEST`, or null for "from now". */
  readonly after: string | null;
  /**
   * Ends the subscription at once: quietly, or with the signal's reason if that is a `UserError`
   * (such as for a token that was revoked).
   */
  readonly ended?: AbortSignal;
}

export interface SubscriptionParts extends EventReads {
  readonly fanOut: FanOut;
  readonly catchUp: CatchUp;
  readonly clock: Clock;
  readonly log: Log;
  /** Open subscriptions, as functions that end them. */
  readonly open: Set<() => void>;
}

/**
 * Events behind a position, and then live, without gap or repeat. It starts when it is first waited for,
 * and `return()` releases everything at once, also while somebody waits. When nothing said where
 * it starts, a checkpoint does so first.
 * @throws {CursorError} from `ready()` and `next()`: `after` cannot be followed (any longer)
 */
export function openSubscription(
  parts: SubscriptionParts,
  { tenant, filter, after, ended }: SubscribeOptions,
): LiveItems {
  const { fanOut, clock } = parts;
  const mailbox = createMailbox();
  const member: Member = { tenant, filter, mailbox, position: 0n, following: false };
  let streamId: string | null = null;
  /** What is being told from the database, and how much of it has been. */
  let stretch: Stretch | null = null;
  let isLive = false;
  let atEnd = false;
  /** Up to where the subscriber has been told. */
  let told = 0n;
  let inARow = 0;
  /** What `take` will hand out. */
  let upcoming: LiveItem | null = null;
  let isOpen = true;
  let isOver = false;

  function close(): void {
    isOpen = false;
    fanOut.leave(member);
    mailbox.close();
    parts.open.delete(close);
    ended?.removeEventListener('abort', close);
  }

  /**
   * Waits for the next item and leaves it in `upcoming`. Whoever has been told everything waits by as few
   * promises as can be, since a thousand wait like that, and each wait makes them anew.
   */
  function ready(): Promise<void> {
    if (isOver || upcoming !== null) return Promise.resolve();
    if (isLive && isOpen && inARow < itemsPerTurn) {
      if (takeFromTail()) return Promise.resolve();
      if (member.following) return mailbox.settled(clock, checkpointMs).then(woken, fail);
    }
    return bring().then(undefined, fail);
  }

  /** @throws {MailboxClosed} there is no next one: the subscription has ended */
  async function bring(): Promise<void> {
    if (streamId === null) {
      streamId = await begin();
      if (after === null || after === EARLIEST) upcoming = checkpoint(streamId, member.position);
    }
    if (inARow >= itemsPerTurn) {
      inARow = 0;
      await mailbox.until(eventLoopTurn());
    }
    while (upcoming === null) {
      if (!isOpen) throw new MailboxClosed();
      if (!isLive) {
        coming(await storedItem(streamId));
      } else if (!takeFromTail()) {
        if (member.following) return ready();
        isLive = false;
        atEnd = false;
      }
    }
  }

  function woken(hasSettled: boolean): Promise<void> | undefined {
    // It has been quiet, and all that was ever handed out has been told.
    if (!hasSettled && streamId !== null && member.following && mailbox.isEmpty()) {
      upcoming = checkpoint(streamId, later(fanOut.finished(), told));
      return undefined;
    }
    return takeFromTail() ? undefined : ready();
  }

  /** @returns whether the tail had handed something over */
  function takeFromTail(): boolean {
    const item = mailbox.take();
    coming(item ?? null);
    return item !== undefined;
  }

  function coming(item: LiveItem | null): void {
    upcoming = item;
    if (item?.kind !== 'event') return;
    told = item.event.seq;
    inARow += 1;
  }

  /** @returns the stream's id */
  async function begin(): Promise<string> {
    parts.open.add(close);
    fanOut.expect(member);
    ended?.addEventListener('abort', close);
    if (ended?.aborted) close();
    const stream = await mailbox.until(parts.readStream());
    member.position = startPosition(after, stream);
    told = member.position;
    atEnd = member.position === stream.lastSeq;
    return stream.id;
  }

  /** What lies behind the tail; null when it is time to look again. */
  async function storedItem(id: string): Promise<LiveItem | null> {
    if (stretch === null) {
      isLive = atEnd && fanOut.join(member, id);
      if (!isLive) stretch = await nextStretch(id);
      return null;
    }
    const event = stretch.events[stretch.told];
    if (event) {
      stretch.told += 1;
      return { kind: 'event', event, cursor: encodeCursor(id, event.seq), page: stretch.page };
    }
    member.position = stretch.upTo;
    atEnd = stretch.atEnd;
    stretch = null;
    return told < member.position ? checkpoint(id, member.position) : null;
  }

  function checkpoint(id: string, seq: bigint): CheckpointItem {
    told = seq;
    return { kind: 'checkpoint', cursor: encodeCursor(id, seq) };
  }

  /** From the database; what fails for another reason than the cursor is retried. */
  async function nextStretch(id: string): Promise<Stretch> {
    for (;;) {
      try {
        fanOut.expect(member);
        const found = await mailbox.until(parts.catchUp(member, id, member.position, () => isOpen));
        // It has a long way to go: nothing is kept for it until it is near.
        if (!found.atEnd) fanOut.leave(member);
        return { ...found, page: eventPage(found.events), told: 0 };
      } catch (error) {
        if (error instanceof MailboxClosed || error instanceof UserError) throw error;
        parts.log.error({ err: error }, 'A subscription could not catch up; trying again');
        await mailbox.settled(clock, retryMs);
      }
    }
  }

  /** @throws what the subscriber has to know */
  function fail(error: unknown): void {
    isOver = true;
    close();
    if (!(error instanceof MailboxClosed)) throw error;
    if (ended?.reason instanceof UserError) throw ended.reason;
  }

  function take(): IteratorResult<LiveItem, undefined> {
    if (isOver) return over;
    if (upcoming === null) throw new Error('nothing has come: wait until ready');
    const value = upcoming;
    upcoming = null;
    return { value, done: false };
  }

  return {
    ready,
    take,
    next: () => ready().then(take),
    return() {
      isOver = true;
      upcoming = null;
      close();
      return Promise.resolve(over);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Events that were read together from the database. */
interface Stretch extends CaughtUp {
  readonly page: EventPage;
  /** So many of them have been told. */
  told: number;
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
