import type { Apns, Push } from './client.ts';
import type { PushOutcome } from './outcome.ts';

/**
 * Sends a push for every item, reading the source only as fast as pushes are answered: memory is that
 * of `underWay` items, whatever the source's length.
 * @param heard  told each outcome, in the order of the answers; a promise of it holds its place
 * @param underWay  pushes without an answer at a time
 * @throws what the source or `heard` throws, after the pushes under way have ended
 */
export async function pushEach<T extends Push>(
  apns: Pick<Apns, 'push'>,
  source: AsyncIterable<T> | Iterable<T>,
  heard: (item: T, outcome: PushOutcome) => void | Promise<void>,
  underWay = 500,
): Promise<void> {
  const failures: unknown[] = [];
  let open = 0;
  let onEnd = (): void => {};
  const oneEnds = (): Promise<void> => new Promise((resolve) => (onEnd = resolve));
  const run = async (item: T): Promise<void> => {
    open += 1;
    try {
      await heard(item, await apns.push(item));
    } catch (error) {
      failures.push(error);
    }
    open -= 1;
    onEnd();
  };
  try {
    for await (const item of source) {
      void run(item);
      while (open >= underWay) await oneEnds();
      if (failures.length > 0) break;
    }
  } finally {
    while (open > 0) await oneEnds();
  }
  if (failures.length > 0) throw failures[0];
}
