/** A bounded map that forgets what was not asked for lately. */
export interface Recent<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  readonly size: number;
}

interface Place<K, V> {
  readonly key: K;
  value: V;
  isAsked: boolean;
}

/** How many that were asked for are spared in a row before one goes all the same: none waits for all others. */
const mostSpared = 64;

/**
 * A hand goes round all places and takes the first one that was not asked for since it came by (the CLOCK
 * algorithm). So to ask costs a look into a map and no more: a map kept in the order of use is changed by every
 * look, and to find its oldest entry it has to step over all places that were left empty.
 */
export function createRecent<K, V>(limit: number): Recent<K, V> {
  const places: Place<K, V>[] = [];
  const byKey = new Map<K, Place<K, V>>();
  let hand = 0;

  /** The number of the place that goes next. */
  function oldest(): number {
    for (let spared = 0; ; spared += 1) {
      const at = hand;
      hand = (hand + 1) % limit;
      const place = places[at];
      if (place === undefined || !place.isAsked || spared === mostSpared) return at;
      place.isAsked = false;
    }
  }

  return {
    get(key) {
      const place = byKey.get(key);
      if (place === undefined) return undefined;
      place.isAsked = true;
      return place.value;
    },
    set(key, value) {
      if (limit === 0) return;
      const known = byKey.get(key);
      if (known !== undefined) {
        known.value = value;
        return;
      }
      const at = places.length < limit ? places.length : oldest();
      const gone = places[at];
      if (gone !== undefined) byKey.delete(gone.key);
      const place = { key, value, isAsked: false };
      places[at] = place;
      byKey.set(key, place);
    },
    get size() {
      return byKey.size;
    },
  };
}
