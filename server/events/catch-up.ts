import type { NumberedEvent } from '../model/events.ts';
import { checkPosition } from './cursor.ts';
import type { Interest } from './interest.ts';
import type { EventReads } from './tail.ts';

const pageSize = 500;
/** How many numbers one read looks through: what bounds its time when few of them are wanted. */
const stretch = 10_000n;

/** What one read found. */
export interface CaughtUp {
  readonly events: readonly NumberedEvent[];
  /** Number up to which `events` is complete. */
  readonly upTo: bigint;
  /** Whether that was the end of the stream. */
  readonly atEnd: boolean;
}

/**
 * Reads the next stretch behind a position that the tail has passed.
 * @param stillWanted asked again after waiting for a turn
 * @throws {CursorError} the position is no longer kept, or the stream is another
 */
export type CatchUp = (
  interest: Interest,
  streamId: string,
  after: bigint,
  stillWanted: () => boolean,
) => Promise<CaughtUp>;

/** @param atOnce how many reads may run at the same time, so that many who return hold up nobody */
export function createCatchUp(reads: EventReads, atOnce = 4): CatchUp {
  const inTurn = turns(atOnce);

  async function read(interest: Interest, streamId: string, after: bigint): Promise<CaughtUp> {
    const stream = await reads.readStream();
    checkPosition(streamId, after, stream);
    if (after === stream.lastSeq) return { events: [], upTo: after, atEnd: true };
    const end = after + stretch < stream.lastSeq ? after + stretch : stream.lastSeq;
    const events = await reads.readEvents({ after, upTo: end, limit: pageSize, ...interest });
    // Retention says what it takes away no later than it does: seen as kept after the read, nothing
    // was missing from it.
    checkPosition(streamId, after, await reads.readStream());
    const last = events.length < pageSize ? undefined : events.at(-1);
    const upTo = last?.seq ?? end;
    return { events, upTo, atEnd: upTo === stream.lastSeq };
  }

  return (interest, streamId, after, stillWanted) =>
    inTurn(async () =>
      stillWanted() ? read(interest, streamId, after) : { events: [], upTo: after, atEnd: false },
    );
}

/** Lets at most `atOnce` pieces of work run at the same time, first come, first served. */
function turns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
