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

/**
 * Has every object begin as a young one. Where a line of code has mostly made what lived long, V8 puts what it makes
 * next among the old at once ("pretenuring"): such as what a thousand subscribers wait with. The same lines make what
 * is soon done with, and as an old object that keeps alive all that hangs on it, until the whole heap is collected.
 * With a thousand subscribers two to three times as much became old; in which process was a matter of luck.
 */
export function startObjectsYoung(): void {
  // V8 looks at it when it compiles: before much has been.
  setFlagsFromString('--no-allocation-site-pretenuring');
}
