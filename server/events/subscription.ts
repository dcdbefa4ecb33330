import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { Clock } from '../model/clock.ts';
import { UserError } from '../model/errors.ts';
import type { EventFilter } from '../model/events.ts';
import type { Log } from '../model/log.ts';
import type { TenantId } from '../model/viewer.ts';
import type { CatchUp, CaughtUp } from './catch-up.ts';
import { EARLIEST, encodeCursor, startPosition } from './cursor.ts';
import type { FanOut, Member } from './fan-out.ts';
import { type CheckpointItem, eventPage, type LiveItem } from './live-item.ts';
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
 * Events behind a position, and then live, without gap or repeat. It starts with the first `next()`,
 * and `return()` releases everything at once, also while `next()` is waiting. When nothing said where
 * it starts, a checkpoint does so first.
 * @throws {CursorError} from `next()`: `after` cannot be followed (any longer)
 */
export function openSubscription(
  parts: SubscriptionParts,
  { tenant, filter, after, ended }: SubscribeOptions,
): AsyncGenerator<LiveItem, void, undefined> {
  const { fanOut, clock } = parts;
  const mailbox = createMailbox();
  const member: Member = { tenant, filter, mailbox, position: 0n, following: false };
  let isOpen = true;

  function close(): void {
    isOpen = false;
    fanOut.leave(member);
    mailbox.close();
    parts.open.delete(close);
    ended?.removeEventListener('abort', close);
  }

  async function* items(): AsyncGenerator<LiveItem, void, undefined> {
    if (!isOpen) return;
    parts.open.add(close);
    ended?.addEventListener('abort', close);
    if (ended?.aborted) close();
    try {
      yield* follow();
    } catch (error) {
      if (!(error instanceof MailboxClosed)) throw error;
      if (ended?.reason instanceof UserError) throw ended.reason;
    } finally {
      close();
    }
  }

  async function* follow(): AsyncGenerator<LiveItem, void, undefined> {
    const stream = await mailbox.until(parts.readStream());
    const streamId = stream.id;
    member.position = startPosition(after, stream);
    let inARow = 0;
    /** Up to where the subscriber has been told. */
    let told = member.position;
    const checkpoint = (seq: bigint): CheckpointItem => {
      told = seq;
      return { kind: 'checkpoint', cursor: encodeCursor(streamId, seq) };
    };
    if (after === null || after === EARLIEST) yield checkpoint(told);

    let atEnd = member.position === stream.lastSeq;
    for (;;) {
      while (!(atEnd && fanOut.join(member, streamId))) {
        const found = await behind(streamId);
        const page = eventPage(found.events);
        for (const event of found.events) {
          if (!isOpen) throw new MailboxClosed();
          told = event.seq;
          yield { kind: 'event', event, cursor: encodeCursor(streamId, event.seq), page };
          if (++inARow % itemsPerTurn === 0) await mailbox.until(eventLoopTurn());
        }
        member.position = found.upTo;
        atEnd = found.atEnd;
        if (told < found.upTo) yield checkpoint(found.upTo);
      }
      for (;;) {
        const item = mailbox.take();
        if (item) {
          told = item.event.seq;
          yield item;
          if (++inARow % itemsPerTurn === 0) await mailbox.until(eventLoopTurn());
        } else if (!member.following) {
          break;
        } else if (!(await mailbox.settled(clock, checkpointMs)) && isQuiet()) {
          yield checkpoint(later(fanOut.finished(), told));
        }
      }
      atEnd = false;
    }
  }

  /** Whether all that was ever handed out has been yielded. */
  function isQuiet(): boolean {
    return member.following && mailbox.isEmpty();
  }

  /** The next stretch from the database; what fails for another reason than the cursor is retried. */
  async function behind(streamId: string): Promise<CaughtUp> {
    for (;;) {
      try {
        return await mailbox.until(parts.catchUp(member, streamId, member.position, () => isOpen));
      } catch (error) {
        if (error instanceof MailboxClosed || error instanceof UserError) throw error;
        parts.log.error({ err: error }, 'A subscription could not catch up; trying again');
        await mailbox.settled(clock, retryMs);
      }
    }
  }

  const inner = items();
  return {
    next: () => inner.next(),
    return(value) {
      close();
      return inner.return(value);
    },
    throw(error) {
      close();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
