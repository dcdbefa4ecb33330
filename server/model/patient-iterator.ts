/**
 * An iterator for long waits: what is waited for says nothing, and what has come is taken afterwards.
 *
 * A promise that was waited for long is an old object by then, and old objects keep what they hold until all
 * memory is looked through, also when nobody holds them any more. If it were fulfilled with an item, all that
 * hangs on the item would become old with it, for each of a thousand who wait.
 */
export interface PatientIterator<T> extends AsyncIterableIterator<T> {
  /**
   * Waits until `take` has an answer. To be called again only when that was taken.
   * @throws what `next` would throw
   */
  ready(): Promise<void>;
  /** What has come; after `ready` only. */
  take(): IteratorResult<T, undefined>;
  /** Both in one, for those who wait once. */
  next(): Promise<IteratorResult<T, undefined>>;
}

/** Whether an iterator can be waited for in this way. */
export function isPatient<T>(iterator: AsyncIterator<T>): iterator is PatientIterator<T> {
  return 'ready' in iterator && 'take' in iterator;
}

/** What an iterator says when there is nothing more. */
export const over = { value: undefined, done: true } as const;
