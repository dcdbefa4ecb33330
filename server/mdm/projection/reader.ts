import type { Pool } from 'pg';
import type { Clock } from '../../model/clock.ts';
import type { NumberedEvent } from '../../model/events.ts';
import type { Log } from '../../model/log.ts';
import type { Counter } from '../../model/metrics.ts';
import { readNewEvents } from '../../store/events/read.ts';
import { recordFailure } from '../../store/projection/failures.ts';
import { type HeldLane, LaneLost, moveLanes, passOver } from '../../store/projection/lanes.ts';
import { withTransaction } from '../../store/transaction.ts';
import { mayPass, sqlState, tookTooLong } from '../../store/unavailable.ts';
import { byLane, type Lane, type Waiting } from './lane.ts';
import type { Projection, Write } from './projection.ts';

const usualPage = 500;
/** How many numbers one read looks through: what bounds its time when few of them are wanted. */
const stretch = 10_000n;
/**
 * Under load one page is to hold the events of many commits, as each costs a transaction: the pause behind a page
 * grows from page to page for as long as there is something to do at its end. In milliseconds.
 */
const pauses = { shortest: 25, longest: 200 };
/** How often an event is tried that fails for a reason of its own; the waits between grow to 8 s. */
const mostTries = 5;
/**
 * How often an event may take too long by itself while others do not: with the waits between more than 20
 * minutes. A lane that waited for ever would keep all events from ever being deleted.
 */
const mostLate = 50;
/** The longest wait for a database that is away or has too much to do, in milliseconds. */
const longestWait = 32_000;

export interface ReaderOptions {
  readonly pool: Pool;
  readonly holder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Says that events were appended and committed. */
  readonly committed: () => void;
  /** Counts events that were derived, by projection. */
  readonly derived: Counter;
  /** Counts events that were passed over, by projection. */
  readonly failed: Counter;
  /** Counts how often the database made it wait, by projection. */
  readonly held: Counter;
}

/** Reads the stream for one projection, in the lanes that this process holds. */
export interface LaneReader {
  readonly projection: Projection;
  /** Says how far the stream is numbered. */
  wake(lastSeq: bigint): void;
  /** What is to be handed to `adopt` together with the lanes that were held since. */
  epoch(): number;
  /**
   * Takes over what this process holds now: new lanes begin at their stored position, lanes that are not
   * among them are left alone from now on.
   */
  adopt(lanes: readonly HeldLane[], since: number): void;
  /** Stores positions of lanes in which there was nothing to derive. */
  save(): Promise<void>;
  /** How far the slowest lane here is behind, in numbers of the stream. */
  lag(): number;
  /** Ends after the page in hand. */
  stop(): Promise<void>;
}

export function createLaneReader(projection: Projection, options: ReaderOptions): LaneReader {
  const { pool, holder, clock } = options;
  const { name, pageSize = usualPage } = projection;
  const log = options.log.child({ projection: name });
  const types = new Set(projection.types);
  const lanes = new Map<number, Lane>();
  let newest = 0n;
  let wanted = false;
  let running: Promise<void> | null = null;
  let endPause: (() => void) | null = null;
  let pause = pauses.shortest;
  /** Grows when a piece of work that may move lanes begins and when it ends. */
  let epoch = 0;
  let working = 0;
  let saveWanted = false;
  let stopped = false;
  /** How many events were derived and stored. */
  let taken = 0;
  /** How often in a row the database made all of it wait, and when it may be asked again. */
  let resting = { times: 0, until: 0 };

  /** Whether there is something to read in a lane, as far as it was told. */
  function isBehind(): boolean {
    return [...lanes.values()].some(({ seen }) => seen < newest);
  }

  function start(): void {
    if (!wanted || !isBehind() || running !== null || endPause !== null || stopped) return;
    if (clock.now().getTime() >= resting.until) running = run();
  }

  async function counted(work: () => Promise<void>): Promise<void> {
    epoch += 1;
    working += 1;
    try {
      await work();
    } finally {
      epoch += 1;
      working -= 1;
    }
  }

  async function run(): Promise<void> {
    try {
      await counted(async () => {
        wanted = false;
        // What is numbered meanwhile waits for the end of the pause: it would be a page of a few events.
        while (!stopped && (await round()));
        resting = { times: 0, until: 0 };
        if (saveWanted) await save();
      });
    } catch (error) {
      // A tick behind the wait tries again, from the same position.
      const times = resting.times + 1;
      resting = { times, until: clock.now().getTime() + waitAfter(times) };
      options.held({ projection: name });
      log.warn({ err: error, times }, 'events could not be projected; trying again');
    }
    running = null;
    if (stopped) return;
    endPause = clock.setTimer(pause, () => {
      endPause = null;
      pause = wanted && isBehind() ? Math.min(2 * pause, pauses.longest) : pauses.shortest;
      start();
    });
  }

  /** @returns whether there is more to read at once */
  async function round(): Promise<boolean> {
    const now = clock.now().getTime();
    const upTo = newest;
    const ready = [...lanes.values()].filter(
      ({ seen, failing }) => seen < upTo && (failing === null || failing.notBefore <= now),
    );
    const after = lowest(ready);
    if (after === null) return false;
    const far = after + stretch;
    const range = { after, upTo: far, limit: pageSize, types };
    const { stream, events } = await readNewEvents(pool, range);
    // Whoever woke us may have told of another stream: that of before a restore, or of a neighbour that
    // shares the Redis. What is here is all that counts.
    if (stream.lastSeq < upTo && newest === upTo) newest = stream.lastSeq;
    const end = far < stream.lastSeq ? far : stream.lastSeq;
    const last = events.length < pageSize ? undefined : events.at(-1);
    const complete = last?.seq ?? end;
    const behind = ready.filter(({ seen }) => seen < complete);
    const waiting = byLane(projection, behind, events);
    const busy = new Set(waiting.map(({ lane }) => lane));
    for (const lane of behind) if (!busy.has(lane)) lane.seen = complete;
    const failing = waiting.filter(({ lane }) => lane.failing !== null);
    const sound = waiting.filter((one) => !failing.includes(one));
    if (sound.length > 0) await take(sound, complete);
    // What has failed before is tried behind the others, and by itself.
    for (const { lane, events: all } of failing) {
      const [event] = all;
      if (event !== undefined && !stopped) await take([{ lane, events: [event] }], event.seq);
    }
    return complete < stream.lastSeq || failing.length > 0;
  }

  /**
   * Derives and stores events of lanes. When that fails it is tried for each lane, then for each half of
   * its events, so that only what fails by itself is held back.
   * @throws what is wrong with the database and not with the events: all lanes wait for it
   * @param upTo number up to which these are all events of their lanes
   */
  async function take(waiting: readonly Waiting[], upTo: bigint): Promise<void> {
    const events = inOrder(waiting);
    try {
      const write = await projection.derive(events);
      await store(waiting, upTo, write);
      taken += events.length;
      options.derived({ projection: name }, events.length);
    } catch (error) {
      if (mayPass(error) && !tookTooLong(error)) throw error;
      if (waiting.length > 1) {
        for (const one of waiting) if (!stopped) await take([one], upTo);
        return;
      }
      const [one] = waiting;
      if (one === undefined) return;
      if (error instanceof LaneLost) {
        lanes.delete(one.lane.lane);
        return;
      }
      await narrow(one, upTo, error);
    }
  }

  async function narrow({ lane, events }: Waiting, upTo: bigint, error: unknown): Promise<void> {
    const [event] = events;
    if (event === undefined) return;
    if (events.length === 1) return heldBack(lane, event, upTo, error);
    const half = Math.ceil(events.length / 2);
    const first = events.slice(0, half);
    const between = first.at(-1)?.seq ?? upTo;
    await take([{ lane, events: first }], between);
    // A lane is in order: what comes behind an event that fails waits for it.
    const goesOn = lane.failing === null && lanes.get(lane.lane) === lane && !stopped;
    if (goesOn) await take([{ lane, events: events.slice(half) }], upTo);
  }

  async function heldBack(
    lane: Lane,
    event: NumberedEvent,
    upTo: bigint,
    error: unknown,
  ): Promise<void> {
    const before =
      lane.failing?.seq === event.seq ? lane.failing : { tries: 0, waits: 0, late: 0, taken };
    const { seq } = event;
    const now = clock.now().getTime();
    const lateNow = tookTooLong(error);
    // Perhaps it is heavy, more likely the database is busy: only if others are taken meanwhile that says
    // something against it.
    const late = before.late + (lateNow && taken > before.taken ? 1 : 0);
    const tries = before.tries + (lateNow ? 0 : 1);
    const waits = before.waits + (lateNow ? 1 : 0);
    const about = { err: error, seq, type: event.type, lane: lane.lane, tries, waits };
    if (tries < mostTries && late < mostLate) {
      const notBefore = now + waitAfter(lateNow ? waits : tries);
      lane.failing = { seq, tries, waits, late, taken, notBefore };
      if (lateNow) options.held({ projection: name });
      log.warn(
        about,
        lateNow
          ? 'an event takes too long to project; its lane waits'
          : 'an event could not be projected; trying again',
      );
      return;
    }
    await store([{ lane, events: [event] }], upTo, async (client) => {
      await recordFailure(client, name, event, reasonOf(error));
      return 0;
    });
    options.failed({ projection: name });
    log.error(about, 'an event could not be projected; it is passed over');
  }

  async function store(waiting: readonly Waiting[], upTo: bigint, write: Write): Promise<void> {
    const moves = waiting.map(({ lane }) => ({ lane: lane.lane, from: lane.saved, to: upTo }));
    const appended = await withTransaction(pool, async (client) => {
      await moveLanes(client, holder, name, moves);
      return write(client);
    });
    for (const { lane } of waiting) {
      lane.saved = upTo;
      lane.seen = upTo;
      lane.failing = null;
    }
    if (appended > 0) options.committed();
  }

  async function save(): Promise<void> {
    saveWanted = false;
    const ahead = [...lanes.values()].filter(({ saved, seen }) => seen > saved);
    if (ahead.length === 0) return;
    const moves = ahead.map(({ lane, saved, seen }) => ({ lane, from: saved, to: seen }));
    const moved = new Set(await passOver(pool, holder, name, moves));
    for (const [index, lane] of ahead.entries()) {
      const to = moves[index]?.to;
      if (moved.has(lane.lane) && to !== undefined) lane.saved = to;
      else if (lanes.get(lane.lane) === lane) lanes.delete(lane.lane);
    }
  }

  return {
    projection,
    wake(lastSeq) {
      newest = lastSeq;
      wanted = true;
      start();
    },
    epoch: () => epoch,
    adopt(held, since) {
      const mine = new Set(held.map(({ lane }) => lane));
      for (const lane of lanes.keys()) if (!mine.has(lane)) lanes.delete(lane);
      // Where lanes were moved meanwhile, what the database said a moment ago is no news.
      const still = working === 0 && epoch === since;
      for (const { lane, position } of held) {
        const known = lanes.get(lane);
        if (known !== undefined && (known.saved === position || !still)) continue;
        lanes.set(lane, { lane, saved: position, seen: position, failing: null });
        wanted = true;
      }
      start();
    },
    async save() {
      if (running !== null) {
        saveWanted = true;
        return;
      }
      const saving = counted(save);
      // What is read meanwhile would begin to move lanes from where they no longer are by then.
      running = saving
        .catch(() => {})
        .then(() => {
          running = null;
          start();
        });
      await saving;
    },
    lag() {
      const least = lowest([...lanes.values()]);
      return least === null || least >= newest ? 0 : Number(newest - least);
    },
    async stop() {
      stopped = true;
      endPause?.();
      await running;
    },
  };
}

/** A second at first, then twice as long each time. */
function waitAfter(times: number): number {
  return Math.min(longestWait, 1_000 * 2 ** (times - 1));
}

function lowest(lanes: readonly Lane[]): bigint | null {
  return lanes.reduce<bigint | null>(
    (least, { seen }) => (least === null || seen < least ? seen : least),
    null,
  );
}

function inOrder(waiting: readonly Waiting[]): NumberedEvent[] {
  return waiting.flatMap(({ events }) => events).sort((a, b) => (a.seq < b.seq ? -1 : 1));
}

/** What may be kept and shown: a statement's own message can hold values. */
function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (tookTooLong(error))
    return `PostgreSQL broke it off each time for taking too long (${state}).`;
  if (state !== null) return `PostgreSQL refused what was derived (${state}).`;
  return error instanceof Error
    ? `${error.name}: ${error.message}`.slice(0, 500)
    : 'Unknown error.';
}
