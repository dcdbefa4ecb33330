import type { Clock } from '../../model/clock.ts';

/** Collects items and has them written together. */
export interface Batches<T> {
  /**
   * @returns when there is room for more
   * @throws what an earlier write has thrown; nothing is written after that
   */
  add(item: T): Promise<void>;
  /** Writes what is left. @throws what a write has thrown */
  end(): Promise<void>;
}

export interface BatchOptions<T> {
  readonly clock: Clock;
  /** Items that are written together at most. */
  readonly size: number;
  /** How long an item waits for others at most, in milliseconds. */
  readonly ms: number;
  /** One batch at a time, in the order of the items. */
  readonly write: (items: readonly T[]) => Promise<void>;
}

/** Writes items in batches, one after the other; at most two wait, whatever comes in. */
export function createBatches<T>({ clock, size, ms, write }: BatchOptions<T>): Batches<T> {
  let batch: T[] = [];
  let unwritten = 0;
  let failure: { readonly error: unknown } | null = null;
  let writing = Promise.resolve();
  let cancelTimer: (() => void) | null = null;

  function flush(): void {
    cancelTimer?.();
    cancelTimer = null;
    const items = batch;
    batch = [];
    if (items.length > 0) writing = writing.then(() => writeOne(items));
  }

  async function writeOne(items: readonly T[]): Promise<void> {
    try {
      if (failure === null) await write(items);
    } catch (error) {
      failure = { error };
    }
    unwritten -= items.length;
  }

  return {
    async add(item) {
      if (failure !== null) throw failure.error;
      batch.push(item);
      unwritten += 1;
      if (batch.length >= size) flush();
      else cancelTimer ??= clock.setTimer(ms, flush);
      if (unwritten > 2 * size) await writing;
    },
    async end() {
      flush();
      await writing;
      if (failure !== null) throw failure.error;
    },
  };
}
