import { over, type PatientIterator } from '../server/model/patient-iterator.ts';
import type { EventItem, LiveItem, LiveItems } from '../server/events/live-item.ts';

/** The last item of a stream that ended for a reason that its reader has to know. */
export interface StreamEnd {
  readonly kind: 'end';
  readonly error: unknown;
}

/**
 * Makes a subscription of the event stream into a source for GraphQL: an error never breaks out of it,
 * where it would close the whole WebSocket, but is its last item.
 *
 * What is wrong from the start (a cursor that cannot be followed) is thrown at once.
 * @param currentCursor  reads the stream's state once more; by the time that it answers, the
 * subscription has judged its cursor
 */
export async function liveStream(
  live: LiveItems,
  currentCursor: () => Promise<string>,
): Promise<PatientIterator<LiveItem | StreamEnd>> {
  const wrong: unknown[] = [];
  const first = live.ready();
  first.catch((error: unknown) => wrong.push(error));
  try {
    await currentCursor();
  } catch (error) {
    await live.return();
    throw error;
  }
  if (wrong.length > 0) throw wrong[0];
  let begun: typeof first | null = first;
  let hasEnded = false;
  let end: StreamEnd | null = null;

  function fail(error: unknown): void {
    if (hasEnded) return;
    hasEnded = true;
    end = { kind: 'end', error };
  }

  function ready(): Promise<void> {
    if (hasEnded) return Promise.resolve();
    const coming = begun ?? live.ready();
    begun = null;
    return coming.then(undefined, fail);
  }

  function take(): IteratorResult<LiveItem | StreamEnd, undefined> {
    if (!hasEnded) return live.take();
    if (end === null) return over;
    const value = end;
    end = null;
    return { value, done: false };
  }

  const stream: PatientIterator<LiveItem | StreamEnd> = {
    ready,
    take,
    next: () => ready().then(take),
    async return() {
      hasEnded = true;
      end = null;
      await live.return();
      return over;
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

/**
 * Whether what a subscription yields is one object for all of them. What a field makes of such an item must not
 * depend on the field's arguments.
 */
export function isSharedItem(item: unknown): item is EventItem {
  return typeof item === 'object' && item !== null && 'kind' in item && item.kind === 'event';
}
