import type { Clock } from '../model/clock.ts';
import type { NumberedEvent } from '../model/events.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { EventRange, NewEvents, NewRange } from '../store/events/read.ts';
import type { News } from '../store/events/number.ts';
import type { EventStream } from '../store/events/stream.ts';
import { every } from './every.ts';
import type { FanOut } from './fan-out.ts';

const tickMs = 1000;
const pageSize = 500;

/** The reads that everything live is made of. */
export interface EventReads {
  readonly readStream: () => Promise<EventStream>;
  readonly readEvents: (range: EventRange) => Promise<NumberedEvent[]>;
  /** The stream and what is new in it at once, so that to be woken costs one statement. */
  readonly readNew: (range: NewRange) => Promise<NewEvents>;
}

export interface TailOptions extends EventReads {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Tail {
  /** Says that the stream may have grown, up to `lastSeq` if that is known. */
  wake(lastSeq: bigint | null): void;
  /**
   * Gives what was numbered just now, up to `lastSeq`. It is handed out as it is when it follows on what was handed
   * out before; else it is read, once the tail is woken.
   */
  hand(news: News, lastSeq: bigint): void;
  stop(): Promise<void>;
}

/**
 * Reads each new event once for the whole process, unless the process has numbered it itself, and hands it
 * out. It sleeps while nobody follows, and what fails is tried again at the next second from the same position.
 */
export function startTail(options: TailOptions): Tail {
  const { fanOut, log } = options;
  const failed = options.metrics.counter(
    'graphmdm_events_tail_failures_total',
    'Reads of new events that failed; they are tried again.',
  );
  let newest = 0n;
  /** What the running read will reach, so that hearing of it again (as over Redis) costs nothing. */
  let reaching = 0n;
  options.metrics.gauge(
    'graphmdm_events_tail_lag',
    'Numbers that the live tail is behind the stream.',
    () => (fanOut.state().members === 0 ? 0 : Math.max(0, Number(newest - fanOut.finished()))),
  );
  let wanted = false;
  let running: Promise<void> | null = null;
  let stopped = false;

  function wake(lastSeq: bigint | null): void {
    if (stopped || fanOut.state().members === 0) return;
    if (lastSeq !== null) {
      if (lastSeq <= fanOut.finished() || lastSeq <= reaching) return;
      if (lastSeq > newest) newest = lastSeq;
    }
    wanted = true;
    running ??= run();
  }

  function hand(news: News, lastSeq: bigint): void {
    const { members, streamId, position, era } = fanOut.state();
    const isNext = news.streamId === streamId && news.after === position;
    if (stopped || members === 0 || running !== null || !isNext) return;
    if (lastSeq > newest) newest = lastSeq;
    reaching = lastSeq;
    // Others hear of it first.
    const others = Promise.resolve();
    running = run(() => others.then(() => fanOut.deliver(news.events, lastSeq, era)));
  }

  /** @param first  done before anything is read */
  async function run(first?: () => Promise<void>): Promise<void> {
    try {
      await first?.();
      while (wanted && !stopped) {
        wanted = false;
        await readOn();
      }
    } catch (error) {
      failed();
      log.error({ err: error }, 'New events could not be handed out; trying again');
    }
    reaching = 0n;
    running = null;
  }

  async function readOn(): Promise<void> {
    const { era } = fanOut.state();
    for (;;) {
      const before = fanOut.state();
      if (stopped || before.era !== era || before.members === 0) return;
      reaching = newest;
      const { stream, events } = await options.readNew({
        after: before.position,
        limit: pageSize,
      });
      newest = stream.lastSeq;
      reaching = stream.lastSeq;
      const now = fanOut.state();
      if (stopped || now.era !== era || now.members === 0) return;
      if (!follows(now, stream)) {
        // Catching up finds out what is wrong, and tells each subscriber.
        fanOut.dislodgeAll();
        return;
      }
      const last = events.length < pageSize ? undefined : events.at(-1);
      await fanOut.deliver(events, last?.seq ?? stream.lastSeq, era);
      if (last === undefined) return;
    }
  }

  const endTicks = every(options.clock, tickMs, () => wake(null));

  return {
    wake,
    hand,
    async stop() {
      stopped = true;
      endTicks();
      await running;
    },
  };
}

/** Whether the position lies in what the stream keeps. */
function follows(now: { streamId: string; position: bigint }, stream: EventStream): boolean {
  return (
    now.streamId === stream.id &&
    now.position <= stream.lastSeq &&
    now.position >= stream.oldestSeq - 1n
  );
}
