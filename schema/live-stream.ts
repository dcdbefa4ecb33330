import type { LiveItem } from '../server/events/live-item.ts';

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
  live: AsyncGenerator<LiveItem>,
  currentCursor: () => Promise<string>,
): Promise<AsyncIterableIterator<LiveItem | StreamEnd>> {
  const wrong: unknown[] = [];
  const first = live.next();
  first.catch((error: unknown) => wrong.push(error));
  try {
    await currentCursor();
  } catch (error) {
    await live.return(undefined);
    throw error;
  }
  if (wrong.length > 0) throw wrong[0];
  const inner = items(first, live);
  const stream: AsyncIterableIterator<LiveItem | StreamEnd> = {
    next: () => inner.next(),
    // At once, also while `next` is waiting: a generator of its own would queue this behind it.
    async return() {
      await live.return(undefined);
      return inner.return();
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

async function* items(
  first: Promise<IteratorResult<LiveItem, unknown>>,
  live: AsyncGenerator<LiveItem>,
): AsyncGenerator<LiveItem | StreamEnd, void, undefined> {
  try {
    for (let next = await first; next.done !== true; next = await live.next()) yield next.value;
  } catch (error) {
    yield { kind: 'end', error };
  } finally {
    await live.return(undefined);
  }
}
