import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Numbering } from '../store/events/number.ts';
import { every } from './every.ts';

const tickMs = 1000;
/** Each numbering wakes every other process, which reads what is new. */
const spacingMs = 20;
const mostTicksSkipped = 4;

export interface SequencerOptions {
  /** The numbering statement. */
  readonly number: () => Promise<Numbering>;
  /** Called after events were numbered and the statement has committed. */
  readonly announce: (numbering: Numbering) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Numbers what was committed; see `openEvents`. */
export interface Sequencer {
  /** Says that events were appended and committed. Cheap; call it after each such commit. */
  committed(): void;
  /** Says that another process has numbered just now: all of them together keep the pace of one. */
  numberedElsewhere(): void;
  /** Numbers what was announced so far and ends. */
  stop(): Promise<void>;
}

/**
 * Runs the numbering statement: at once when it rests, one at a time, with a pause under load so that
 * one statement numbers many commits, and every second for what other processes left behind.
 */
export function startSequencer(options: SequencerOptions): Sequencer {
  const { clock, log } = options;
  const numbered = options.metrics.counter(
    'graphmdm_events_numbered_total',
    'Events that this process gave their place in the stream.',
  );
  const failed = options.metrics.counter(
    'graphmdm_events_numbering_failures_total',
    'Numbering statements that failed; they are tried again.',
  );
  let wanted = false;
  let running: Promise<void> | null = null;
  let endPause: (() => void) | null = null;
  let failures = 0;
  let ticksToSkip = 0;
  let stopped = false;

  function start(): void {
    if (wanted && running === null && endPause === null && !stopped) running = run();
  }

  async function run(): Promise<void> {
    let more = false;
    do more = await once();
    while (more && !stopped);
    running = null;
    pause();
  }

  function pause(): void {
    if (stopped || running !== null || endPause !== null) return;
    endPause = clock.setTimer(spacingMs, () => {
      endPause = null;
      if (failures === 0) start();
    });
  }

  /** @returns whether there is more to number at once */
  async function once(): Promise<boolean> {
    wanted = false;
    try {
      const result = await options.number();
      failures = 0;
      if (result.numbered > 0) {
        numbered({}, result.numbered);
        options.announce(result);
      }
      if (result.busy) wanted = true;
      return result.more && !result.busy;
    } catch (error) {
      wanted = true;
      failures += 1;
      ticksToSkip = Math.min(2 ** (failures - 1) - 1, mostTicksSkipped);
      failed();
      log.error({ err: error, failures }, 'Events could not be numbered; trying again');
      return false;
    }
  }

  const endTicks = every(clock, tickMs, () => {
    if (failures > 0 && ticksToSkip > 0) {
      ticksToSkip -= 1;
      return;
    }
    wanted = true;
    start();
  });

  return {
    committed() {
      wanted = true;
      if (failures === 0) start();
    },
    numberedElsewhere() {
      // Behind a failure the ticks alone begin, and none may be lost.
      if (failures === 0) pause();
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      endTicks();
      endPause?.();
      await running;
      // What stays without a number is numbered by another process, or at the next start.
      while (wanted && (await once()) && failures === 0) wanted = true;
    },
  };
}
