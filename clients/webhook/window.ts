/** How much may be under way at once. */
export interface WindowLimits {
  readonly items: number;
  /** Bytes of what is under way, together. */
  readonly bytes: number;
}

/** What is under way, in the order of the stream, and how far all of it is done. */
export interface Window {
  /**
   * Takes the next item, once there is room for it. Items with the same key are worked on one after the
   * other, in order; others at the same time.
   * @param work never throws; says whether it is done. What is not stays where it is: `reached` never
   *   passes it
   */
  add(
    item: { readonly cursor: string; readonly key: string | null; readonly bytes: number },
    work: () => Promise<boolean>,
  ): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/**
 * @param reached told the cursor up to which everything is done, each time it has moved
 */
export function createWindow(
  { items, bytes }: WindowLimits,
  reached: (cursor: string) => void,
): Window {
  const waiting: { readonly cursor: string; isDone: boolean }[] = [];
  const chains = new Map<string, Promise<void>>();
  let heldBytes = 0;
  let underWay = 0;
  let changed: (() => void)[] = [];

  function settle(entry: { isDone: boolean }, size: number, isDone: boolean): void {
    entry.isDone = isDone;
    underWay -= 1;
    heldBytes -= size;
    let last: string | null = null;
    while (waiting[0]?.isDone) last = waiting.shift()?.cursor ?? last;
    if (last !== null) reached(last);
    const woken = changed;
    changed = [];
    for (const wake of woken) wake();
  }

  const change = () => new Promise<void>((resolve) => changed.push(resolve));

  return {
    async add({ cursor, key, bytes: size }, work) {
      while (waiting.length >= items || (heldBytes + size > bytes && heldBytes > 0)) await change();
      const entry = { cursor, isDone: false };
      waiting.push(entry);
      underWay += 1;
      heldBytes += size;
      const before = (key === null ? null : chains.get(key)) ?? Promise.resolve();
      const done = before.then(work).then((isDone) => {
        if (key !== null && chains.get(key) === done) chains.delete(key);
        settle(entry, size, isDone);
      });
      if (key !== null) chains.set(key, done);
    },
    async idle() {
      while (underWay > 0) await change();
    },
  };
}
