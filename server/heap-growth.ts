import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** Bytes that live after a collection, above which the heap grows more slowly. */
const large = 80_000_000;
/** By how much of what lives it grows then until the next collection. */
const percent = 40;

/**
 * Keeps a large heap from growing far beyond what lives in it. V8 lets it grow to two to four times that
 * before it collects the whole of it: with a thousand subscribers, each of whom holds on to what was sent
 * last, 200 MB of what nobody needs. A small heap is left to V8: more collections would cost the devices'
 * messages a fifth of their time and spare little.
 */
export function boundHeapGrowth(): void {
  let bounded = false;
  const observer = new PerformanceObserver((list) => {
    if (!list.getEntries().some(isWhole)) return;
    const isLarge = getHeapStatistics().used_heap_size > large;
    if (isLarge === bounded) return;
    bounded = isLarge;
    // Read by V8 at the end of each collection; 0 leaves it to V8.
    setFlagsFromString(`--heap-growing-percent=${isLarge ? percent : 0}`);
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** Whether a collection was one of the whole heap. */
function isWhole(entry: PerformanceEntry): boolean {
  const detail: unknown = 'detail' in entry ? entry.detail : undefined;
  return (
    typeof detail === 'object' &&
    detail !== null &&
    'kind' in detail &&
    detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
  );
}
