import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { NumberedEvent } from '../model/events.ts';
import { encodeCursor } from './cursor.ts';
import { createInterestIndex, type Interest, isWanted } from './interest.ts';
import { type EventItem, type EventPage, eventPage } from './live-item.ts';
import { type Mailbox, mostItems } from './mailbox.ts';
import { createRecent } from './recent.ts';

/** Deliveries between two turns of the event loop, in which devices are answered. */
const deliveriesPerTurn = 64;

/** One who follows the tail. */
export interface Member extends Interest {
  readonly mailbox: Mailbox;
  /** Everything up to here has been looked at for it. The fan-out moves it. */
  position: bigint;
  /** Whether it follows the tail. The fan-out sets it. */
  following: boolean;
}

export interface FanOut {
  /** Keeps for a member what is handed out from now on, until it joins or leaves: say so before it reads. */
  expect(member: Member): void;
  /**
   * Lets a member follow the tail from its position, without gap or repeat. What was handed out since it was expected
   * it gets at once.
   * @returns false when the tail is too far past that position: it has to catch up further
   */
  join(member: Member, streamId: string): boolean;
  leave(member: Member): void;
  /** Sends everybody back to catching up. */
  dislodgeAll(): void;
  /**
   * Hands out events that follow on what was handed out before.
   * @param upTo number up to which `events` is complete
   * @param era `state().era` from before the events were read; when it has passed, nothing happens
   */
  deliver(events: readonly NumberedEvent[], upTo: bigint, era: number): Promise<void>;
  state(): FanOutState;
  /** Number up to which everything has been handed to a follower. */
  finished(): bigint;
}

export interface FanOutState {
  readonly members: number;
  readonly streamId: string;
  /** Number up to which handing out has begun. */
  readonly position: bigint;
  /** Grows when the position jumps; what was read for an earlier one is of no use then. */
  readonly era: number;
}

export interface FanOutOptions {
  /** Somebody follows who was not awaited: look for new events. */
  readonly onFirst: () => void;
  /** A member was too slow and has to catch up. */
  readonly onOverflow: () => void;
}

/** Hands the tail's events to those who follow it. */
export function createFanOut({ onFirst, onOverflow }: FanOutOptions): FanOut {
  const index = createInterestIndex<Member>();
  const members = new Set<Member>();
  let streamId = '';
  // Handing out one event may take several turns of the event loop. Who joins meanwhile must have
  // seen that event (`started`); who is told how far everything is done must not count it
  // (`finished`).
  let started = 0n;
  let finished = 0n;
  let era = 0;
  const recent = createRecent<Member>();

  function leave(member: Member): void {
    recent.forget(member);
    if (!members.delete(member)) return;
    index.remove(member);
    member.following = false;
    member.mailbox.nudge();
  }

  function dislodgeAll(): void {
    for (const member of members) leave(member);
  }

  function isAwaited(event: NumberedEvent): boolean {
    for (const set of index.candidates(event)) {
      for (const member of set) if (isWanted(member, event)) return true;
    }
    return false;
  }

  /** Hands an event to a member, who is sent back to catching up if it has too many already. */
  function give(member: Member, item: EventItem): void {
    if (member.mailbox.offer(item)) {
      member.position = item.event.seq;
    } else {
      member.position = item.event.seq - 1n;
      leave(member);
      onOverflow();
    }
  }

  function itemOf(event: NumberedEvent, page: EventPage): EventItem {
    return { kind: 'event', event, cursor: encodeCursor(streamId, event.seq), page };
  }

  /** Gives a member what it has missed; if that is too much it has to read the rest. */
  function giveMissed(member: Member, events: readonly NumberedEvent[]): void {
    const wanted = events.filter((event) => isWanted(member, event));
    const some = wanted.slice(0, mostItems);
    const page = eventPage(some);
    for (const event of some) give(member, itemOf(event, page));
    if (some.length < wanted.length) leave(member);
    else member.position = started;
  }

  return {
    expect(member) {
      recent.keepFor(member, started);
    },
    join(member, itsStreamId) {
      // Its stream was read from the database just now: the tail's is a former one.
      if (itsStreamId !== streamId) dislodgeAll();
      const first = members.size === 0;
      if (first) {
        streamId = itsStreamId;
        started = member.position;
        finished = member.position;
        era += 1;
        recent.restart(started);
      }
      const missed = member.position < started ? recent.behind(member.position) : [];
      if (missed === null) return false;
      recent.forget(member);
      members.add(member);
      index.add(member);
      member.following = true;
      if (missed.length > 0) giveMissed(member, missed);
      if (first) onFirst();
      return true;
    },
    leave,
    dislodgeAll,
    async deliver(events, upTo, itsEra) {
      if (era !== itsEra) return;
      // Only what somebody wants is on the page: what is loaded for a page is loaded for all of it.
      const awaited = events.filter((event) => event.seq > started && isAwaited(event));
      const page = eventPage(awaited);
      const onPage = new Set(awaited);
      let work = 0;
      for (const event of events) {
        if (event.seq <= started) continue;
        started = event.seq;
        recent.add(event);
        let item: EventItem | null = null;
        for (const set of index.candidates(event)) {
          for (const member of set) {
            if (event.seq <= member.position || !isWanted(member, event)) continue;
            item ??= itemOf(event, onPage.has(event) ? page : eventPage([event]));
            give(member, item);
            work += 1;
            if (work % deliveriesPerTurn === 0) {
              await eventLoopTurn();
              if (era !== itsEra) return;
            }
          }
        }
        finished = event.seq;
      }
      if (upTo > started) started = upTo;
      finished = started;
    },
    state: () => ({ members: members.size, streamId, position: started, era }),
    finished: () => finished,
  };
}
