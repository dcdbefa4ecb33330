import { beside } from '../server/model/beside.ts';
import type { GraphContext } from './context.ts';

/** Loads a set of keys at once; what is missing from the map does not exist. */
export type LoadMany<K, V, Options> = (
  context: GraphContext,
  keys: readonly K[],
  options: Options,
) => Promise<ReadonlyMap<K, V>>;

/**
 * Loads one key together with those that the resolvers beside ask for.
 * @param group  loads of one group are answered by one call, with the first one's options: it has to
 * name all that makes them differ
 */
export type LoadOne<K, V, Options> = (
  context: GraphContext,
  group: string,
  key: K,
  options: Options,
) => Promise<V | undefined>;

interface Waiting<K, V> {
  readonly key: K;
  readonly resolve: (value: V | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns a set-based load into one that resolvers can call for a parent each, so that a level of the
 * answer costs one statement. It gathers and forgets: a subscription that runs for days must not be
 * answered from what was read for an earlier event.
 */
export function batched<K, V, Options>(loadMany: LoadMany<K, V, Options>): LoadOne<K, V, Options> {
  const open = beside<GraphContext, Map<string, Waiting<K, V>[]>>();

  return (context, group, key, options) =>
    new Promise((resolve, reject) => {
      const groups = open.of(context) ?? new Map<string, Waiting<K, V>[]>();
      open.keep(context, groups);
      const gathered = groups.get(group);
      if (gathered) {
        gathered.push({ key, resolve, reject });
        return;
      }
      const all: Waiting<K, V>[] = [{ key, resolve, reject }];
      groups.set(group, all);
      afterSiblings(() => {
        groups.delete(group);
        void load(all, (keys) => loadMany(context, keys, options));
      });
    });
}

/** Siblings are resolved within the promise jobs of one tick; those have to be done first. */
function afterSiblings(run: () => void): void {
  process.nextTick(() => {
    void Promise.resolve().then(() => process.nextTick(run));
  });
}

async function load<K, V>(
  all: readonly Waiting<K, V>[],
  loadMany: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): Promise<void> {
  try {
    const found = await loadMany([...new Set(all.map(({ key }) => key))]);
    for (const { key, resolve } of all) resolve(found.get(key));
  } catch (error) {
    for (const { reject } of all) reject(error);
  }
}
