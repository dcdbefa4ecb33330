import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { every } from '../../events/every.ts';
import type { WakeUps } from '../../events/wake-ups.ts';
import type { Clock } from '../../model/clock.ts';
import type { Log } from '../../model/log.ts';
import type { Metrics } from '../../model/metrics.ts';
import { readStream } from '../../store/events/stream.ts';
import { ensureLanes, leaveLanes, shareLanes } from '../../store/projection/lanes.ts';
import type { Projection } from './projection.ts';
import { createLaneReader } from './reader.ts';

const tickMs = 1_000;
const beatMs = 5_000;
/** With the beat, at most 25 seconds from a process's death to another's taking its lanes over. */
const leaseSeconds = 20;

export interface ProjectorOptions {
  /** The graph pool: devices must not wait for what is derived from their answers. */
  readonly pool: Pool;
  readonly projections: readonly Projection[];
  readonly wakeUps: Pick<WakeUps, 'subscribe'>;
  /** To be called after each commit that appended events. */
  readonly committed: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Projector {
  /** Finishes the pages in hand and gives the lanes to others. */
  stop(): Promise<void>;
}

/**
 * Runs projections, in the share of their lanes that falls to this process. They are woken by the tail's
 * wake-ups, and look by themselves every second; an idle process asks the database one small question
 * each time, whatever the number of lanes.
 */
export async function startProjector(options: ProjectorOptions): Promise<Projector> {
  const { pool, projections, clock, metrics } = options;
  const log = options.log.child({ part: 'projector' });
  const holder = randomUUID();
  const names = projections.map(({ name }) => name);
  const derived = metrics.counter(
    'graphmdm_projection_events_total',
    'Events that this process has projected.',
    ['projection'],
  );
  const failed = metrics.counter(
    'graphmdm_projection_failures_total',
    'Events that a projection passed over because they failed each time.',
    ['projection'],
  );
  const held = metrics.counter(
    'graphmdm_projection_held_total',
    'Times that a projection waited for the database, which was away or took too long.',
    ['projection'],
  );
  const readers = projections.map((projection) =>
    createLaneReader(projection, { ...options, log, holder, derived, failed, held }),
  );
  metrics.gauge(
    'graphmdm_projection_lag',
    'Numbers that the slowest lane of this process is behind the stream.',
    () => Math.max(0, ...readers.map((reader) => reader.lag())),
  );
  let stopped = false;
  let looking: Promise<void> | null = null;
  let sharing: Promise<void> | null = null;

  function wake(lastSeq: bigint): void {
    for (const reader of readers) reader.wake(lastSeq);
  }

  function tick(): void {
    if (stopped) return;
    looking ??= look()
      .catch((error: unknown) => log.warn({ err: error }, 'the projector could not look'))
      .finally(() => {
        looking = null;
      });
  }

  async function look(): Promise<void> {
    for (const reader of readers) await reader.save();
    const { lastSeq } = await readStream(pool);
    wake(lastSeq);
  }

  function beat(): void {
    if (stopped) return;
    sharing ??= share()
      .catch((error: unknown) => log.warn({ err: error }, 'the projector could not keep its lease'))
      .finally(() => {
        sharing = null;
      });
  }

  async function share(): Promise<void> {
    const since = new Map(readers.map((reader) => [reader, reader.epoch()]));
    const lanes = await shareLanes(pool, holder, leaseSeconds, names);
    for (const reader of readers) {
      const { name } = reader.projection;
      reader.adopt(
        lanes.filter(({ projection }) => projection === name),
        since.get(reader) ?? 0,
      );
    }
  }

  await ensureLanes(pool, names);
  await share();
  const endListening = options.wakeUps.subscribe((lastSeq) => {
    if (lastSeq === null) tick();
    else if (!stopped) wake(lastSeq);
  });
  const endTicks = every(clock, tickMs, tick);
  const endBeats = every(clock, beatMs, beat);
  tick();

  return {
    async stop() {
      stopped = true;
      endListening();
      endTicks();
      endBeats();
      await Promise.all([looking, sharing, ...readers.map((reader) => reader.stop())]);
      try {
        for (const reader of readers) await reader.save();
        await leaveLanes(pool, holder);
      } catch (error) {
        // The lease ends by itself.
        log.warn({ err: error }, 'the projector could not give its lanes back');
      }
    },
  };
}
