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
): Promise<AsyncIterableIterator<LiveItem | StreamEnd>> {
  const wrong: unknown[] = [];
  const first = live.next();
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
  const stream: AsyncIterableIterator<LiveItem | StreamEnd> = {
    async next() {
      if (hasEnded) return { value: undefined, done: true };
      const next = begun ?? live.next();
      begun = null;
      try {
        return await next;
      } catch (error) {
        hasEnded = true;
        return { value: { kind: 'end', error }, done: false };
      }
    },
    async return() {
      hasEnded = true;
      await live.return();
      return { value: undefined, done: true };
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
