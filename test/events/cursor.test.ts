import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCursor,
  EARLIEST,
  earliestCursor,
  encodeCursor,
  startPosition,
} from '../../server/events/cursor.ts';

const stream = { id: '6f1d1f0e-6f0a-4c7e-9d9a-0d3a1a0c5b11', lastSeq: 90n, oldestSeq: 11n };

describe('a cursor', () => {
  it('is the same after being taken apart', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (streamId, seq) => {
        expect(decodeCursor(encodeCursor(streamId, seq))).toEqual({ streamId, seq });
      }),
    );
  });

  it('starts behind its number, "from now" behind the newest, EARLIEST before the oldest', () => {
    expect(startPosition(encodeCursor(stream.id, 40n), stream)).toBe(40n);
    expect(startPosition(null, stream)).toBe(90n);
    expect(startPosition(EARLIEST, stream)).toBe(10n);
    expect(startPosition(earliestCursor(stream), stream)).toBe(10n);
  });

  const good = encodeCursor(stream.id, 40n);
  it.each([
    ['CURSOR_INVALID', ''],
    ['CURSOR_INVALID', 'earliest'],
    ['CURSOR_INVALID', good.slice(1)],
    ['CURSOR_INVALID', `${good}A`],
    ['CURSOR_INVALID', `${good} `],
    ['CURSOR_INVALID', `B${good.slice(1)}`],
    ['CURSOR_OTHER_STREAM', encodeCursor('6f1d1f0e-6f0a-4c7e-9d9a-0d3a1a0c5b12', 40n)],
    ['CURSOR_AHEAD', encodeCursor(stream.id, 91n)],
    ['CURSOR_AHEAD', encodeCursor(stream.id, 2n ** 64n - 1n)],
    ['CURSOR_EXPIRED', encodeCursor(stream.id, 9n)],
  ])('is refused as %s: %s', (code, cursor) => {
    const oldest = code === 'CURSOR_INVALID' ? null : earliestCursor(stream);
    expect(() => startPosition(cursor, stream)).toThrow(
      expect.objectContaining({ code, oldest, argumentPath: ['after'] }),
    );
  });
});
