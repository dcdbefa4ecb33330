import type { TimedPosition } from '../server/store/read/timed-stretch.ts';
import { type CursorCodec, cursorCodec, parseKey } from './page.ts';

/**
 * Cursors of a list in the order of keys, or of times where it is filtered by times. Older ones tell the
 * key alone.
 */
export function timedCursor(list: string): CursorCodec<TimedPosition> {
  return cursorCodec<TimedPosition>(
    list,
    ({ key, micros }) => [String(key), ...(micros === null ? [] : [String(micros)])],
    ([first, second]) => {
      const key = parseKey(first);
      const micros = parseKey(second);
      return key === null || (second !== undefined && micros === null) ? null : { key, micros };
    },
  );
}
