/**
 * An iterator whose `return()` ends it at once, also while `next()` is waiting: a generator of its own
 * would queue the one behind the other.
 * @param outer  ends it too
 */
export function abortable<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  outer: readonly (AbortSignal | undefined)[] = [],
): AsyncIterableIterator<T, void, undefined> {
  const controller = new AbortController();
  const abort = () => {
    controller.abort();
    for (const signal of outer) signal?.removeEventListener('abort', abort);
  };
  for (const signal of outer) {
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
  }
  const inner = make(controller.signal);
  async function next() {
    try {
      const result = await inner.next();
      if (result.done) abort();
      return result;
    } catch (error) {
      abort();
      throw error;
    }
  }
  return {
    next,
    async return() {
      abort();
      await inner.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
