import { setFlagsFromString } from 'node:v8';

/** By how much of what lives the heap grows until it is collected as a whole. */
const percent = 80;

/**
 * Keeps the heap from growing far beyond what lives in it. V8 lets it grow to two to four times that before
 * it collects the whole of it: with a thousand subscribers, each of whom holds on to what was sent last,
 * 200 MB of what nobody needs. The devices' messages cost as much with it as without.
 */
export function boundHeapGrowth(): void {
  // V8 reads it at the end of each collection of the whole.
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
