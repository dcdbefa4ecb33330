import type { NumberedEvent } from '../../model/events.ts';
import { laneCount } from '../../store/projection/lanes.ts';
import type { Projection } from './projection.ts';

/** A lane as its holder knows it. */
export interface Lane {
  readonly lane: number;
  /** The position that is stored. */
  saved: bigint;
  /** Everything of the lane up to here is derived, or of no interest. Never below `saved`. */
  seen: bigint;
  /** The event that fails, and when it may be tried again. */
  failing: Failing | null;
}

/** How it stands with an event that could not be taken. */
export interface Failing {
  readonly seq: bigint;
  /** How often it has failed for a reason of its own. */
  readonly tries: number;
  /** How often it had to wait for the database since. */
  readonly waits: number;
  /** How often others were taken before it was late once more. */
  readonly late: number;
  /** How many others had been taken when it failed last. */
  readonly taken: number;
  readonly notBefore: number;
}

/** Events of one lane that wait. */
export interface Waiting {
  readonly lane: Lane;
  readonly events: readonly NumberedEvent[];
}

/** The lane that an event belongs to. */
export function laneOf(projection: Projection, event: NumberedEvent): number {
  const { enrollmentKey, commandKey } = event;
  const key =
    projection.lanesBy === 'command'
      ? (commandKey ?? enrollmentKey)
      : (enrollmentKey ?? commandKey);
  return Number((key ?? 0n) % BigInt(laneCount));
}

/** Events by lane, those left out that their lanes have seen. Lanes without any are not listed. */
export function byLane(
  projection: Projection,
  lanes: readonly Lane[],
  events: readonly NumberedEvent[],
): Waiting[] {
  const grouped = new Map<number, NumberedEvent[]>();
  for (const event of events) {
    const lane = laneOf(projection, event);
    const group = grouped.get(lane);
    if (group) group.push(event);
    else grouped.set(lane, [event]);
  }
  return lanes.flatMap((lane) => {
    const waiting = grouped.get(lane.lane)?.filter((event) => event.seq > lane.seen) ?? [];
    return waiting.length === 0 ? [] : { lane, events: waiting };
  });
}
