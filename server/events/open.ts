import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { type Numbering, numberEvents } from '../store/events/number.ts';
import { readEvents, readNewEvents } from '../store/events/read.ts';
import { readStream } from '../store/events/stream.ts';
import { createCatchUp } from './catch-up.ts';
import { encodeCursor } from './cursor.ts';
import { createFanOut } from './fan-out.ts';
import type { LiveItems } from './live-item.ts';
import { startSequencer } from './sequencer.ts';
import { sharedRead } from './shared-read.ts';
import { openSubscription, type SubscribeOptions } from './subscription.ts';
import { type EventReads, startTail } from './tail.ts';
import type { WakeUps } from './wake-ups.ts';

/** The live side of the event rows, one for each process. */
export interface Events {
  /** Says that events were appended and committed. Cheap; call it after each such commit. */
  committed(): void;
  /** Events behind a position, and then live; see `openSubscription`. */
  subscribe(options: SubscribeOptions): LiveItems;
  /** A cursor behind which every event lies that is committed after this call. */
  currentCursor(): Promise<string>;
  /** Ends all subscriptions quietly, and numbers what is still without a number. */
  stop(): Promise<void>;
}

/** What is done to the database. */
export interface EventStore extends EventReads {
  /** @param tell  whether to tell what was numbered */
  readonly number: (tell: boolean) => Promise<Numbering>;
}

export interface EventsOptions {
  readonly wakeUps: WakeUps;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Starts numbering and following the stream.
 * @param pool the graph pool: the device routes' own must not wait for readers
 */
export function openEvents({ pool, ...options }: EventsOptions & { pool: Pool }): Events {
  let pages = 0;
  const store: EventStore = {
    async number(tell) {
      const numbering = await numberEvents(pool, { tell, pages });
      pages = numbering.pages;
      return numbering;
    },
    readStream: () => readStream(pool),
    readEvents: (range) => readEvents(pool, range),
    readNew: (range) => readNewEvents(pool, range),
  };
  return startEvents(store, options);
}

/** As `openEvents`, over any store. */
export function startEvents(store: EventStore, options: EventsOptions): Events {
  const { wakeUps, clock, metrics } = options;
  const log = options.log.child({ room: 'events' });
  const reads: EventReads = {
    readStream: sharedRead(store.readStream),
    readEvents: store.readEvents,
    readNew: store.readNew,
  };
  const overflowed = metrics.counter(
    'graphmdm_events_overflows_total',
    'Times that a subscriber was too slow for the live tail and had to catch up.',
  );
  const fanOut = createFanOut({ onFirst: () => tail.wake(null), onOverflow: () => overflowed() });
  const tail = startTail({ ...reads, fanOut, clock, log, metrics });
  const endListening = wakeUps.subscribe((lastSeq) => {
    sequencer.numberedElsewhere();
    tail.wake(lastSeq);
  });
  const sequencer = startSequencer({
    number: () => store.number(fanOut.state().members > 0),
    announce: ({ lastSeq, news }) => {
      if (news !== null) tail.hand(news, lastSeq);
      wakeUps.publish(lastSeq);
    },
    clock,
    log,
    metrics,
  });
  const open = new Set<() => void>();
  metrics.gauge('graphmdm_events_subscribers', 'Open subscriptions.', () => open.size);
  const parts = { ...reads, fanOut, catchUp: createCatchUp(reads), clock, log, open };
  let stopped = false;

  return {
    committed: sequencer.committed,
    subscribe(options) {
      const subscription = openSubscription(parts, options);
      if (stopped) void subscription.return();
      return subscription;
    },
    async currentCursor() {
      const stream = await reads.readStream();
      return encodeCursor(stream.id, stream.lastSeq);
    },
    async stop() {
      stopped = true;
      for (const close of open) close();
      endListening();
      await sequencer.stop();
      await tail.stop();
    },
  };
}
