import type { Apns, Push } from './client.ts';
import type { PushOutcome } from './outcome.ts';

/**
 * Sends a push for every item, reading the source only as fast as pushes are answered: memory is that
 * of `underWay` items, whatever the source's length.
 * @param heard  told each outcome, in the order of the answers; a promise of it holds back the next item
 * @param underWay  pushes without an answer at a time
 * @throws what the source or `heard` throws, after the pushes under way have ended
 */
export async function pushEach<T extends Push>(
  apns: Pick<Apns, 'push'>,
  source: AsyncIterable<T> | Iterable<T>,
  heard: (item: T, outcome: PushOutcome) => void | Promise<void>,
  underWay = 500,
): Promise<void> {
  const open = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  const run = async (item: T): Promise<void> => {
    try {
      await heard(item, await apns.push(item));
    } catch (error) {
      failure ??= { error };
    }
  };
  try {
    for await (const item of source) {
      const one: Promise<void> = run(item).finally(() => open.delete(one));
      open.add(one);
      if (open.size >= underWay) await Promise.race(open);
      if (failure !== null) break;
    }
  } finally {
    await Promise.all(open);
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}
