import { randomFillSync } from 'node:crypto';

const store = Buffer.alloc(8 * 1024);
let used = store.length;

/**
 * Random bytes for what is made for every message: asking the system for each few of them costs more
 * than all the rest. Every byte is given out once, and none is kept behind.
 * @param size at most 64
 */
export function randomPiece(size: number): Buffer {
  if (used + size > store.length) {
    randomFillSync(store);
    used = 0;
  }
  const piece = Buffer.from(store.subarray(used, used + size));
  store.fill(0, used, used + size);
  used += size;
  return piece;
}
