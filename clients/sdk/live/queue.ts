/** Values on their way from callbacks to one iterator. */
export interface Queue<T> {
  /** How many wait. */
  size(): number;
  push(value: T): void;
  /** No more will come; what waits is still handed out, then the error is thrown if there is one. */
  end(error?: Error): void;
  /** Ends it with nothing more handed out. */
  drop(): void;
  values(): AsyncGenerator<T, void, undefined>;
}

export function createQueue<T>(): Queue<T> {
  const waiting: T[] = [];
  let ended: { readonly error: Error | undefined } | null = null;
  let wake = () => {};

  return {
    size: () => waiting.length,
    push(value) {
      if (ended) return;
      waiting.push(value);
      wake();
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    drop() {
      waiting.length = 0;
      ended = { error: undefined };
      wake();
    },
    async *values() {
      for (;;) {
        const value = waiting.shift();
        if (value !== undefined) {
          yield value;
        } else if (ended) {
          if (ended.error) throw ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
