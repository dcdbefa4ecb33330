import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { PlistError } from '../../server/protocol/plist/value.ts';
import { assemble, binaryPlist, head, reference } from './binary-plist.ts';
import { damaged } from './mutations.ts';
import { dictOf } from './plist-values.ts';

function refusal(bytes: Buffer): string {
  try {
    parsePlist(bytes);
  } catch (error) {
    if (error instanceof PlistError) return error.code;
    throw error;
  }
  return 'accepted';
}

/** `bplist00` of {"a": [1, "b", true], "c": 2.5}, laid out by hand from Core Foundation's format. */
const byHand = Buffer.from(
  '62706c6973743030' + // bplist00
    'd201020304' + // dict of 2: keys 1, 2; values 3, 4
    '5161' + // "a"
    '5163' + // "c"
    'a3050607' + // array of 3
    '234004000000000000' + // 2.5
    '1001' + // 1
    '5162' + // "b"
    '09' + // true
    '080d0f11151e2022' + // offsets
    '000000000000' +
    '01' +
    '01' +
    '0000000000000008' +
    '0000000000000000' +
    '0000000000000023',
  'hex',
);

describe('reading binary property lists', () => {
  it('reads one that was laid out by hand', () => {
    expect(parsePlist(byHand)).toEqual(dictOf({ a: [1, 'b', true], c: 2.5 }));
  });

  it('refuses an object that holds itself', () => {
    const cycle = Buffer.concat([head(0xa0, 1), reference(0)]);
    expect(refusal(assemble([cycle], 0))).toBe('too-deep');
  });

  it('refuses few bytes that unfold to very many values', () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      Buffer.concat([head(0xa0, 10), ...Array.from({ length: 10 }, () => reference(level + 1))]),
    );
    expect(refusal(assemble([...levels, Buffer.from([9])], 0))).toBe('too-many-values');
  });

  it('refuses few bytes that unfold to very many bytes', () => {
    const data = Buffer.concat([head(0x40, 60_000), Buffer.alloc(60_000)]);
    const list = Buffer.concat([
      head(0xa0, 2000),
      ...Array.from({ length: 2000 }, () => reference(1)),
    ]);
    expect(refusal(assemble([list, data], 0))).toBe('too-large');
  });

  it.each([
    ['another version', Buffer.concat([Buffer.from('bplist01'), byHand.subarray(8)])],
    ['nothing but the magic', Buffer.from('bplist00')],
    [
      'a key that is no string',
      assemble([Buffer.concat([head(0xd0, 1), reference(1), reference(1)]), Buffer.from([9])], 0),
    ],
    ['a reference to nowhere', assemble([Buffer.concat([head(0xa0, 1), reference(9)])], 0)],
    ['a NULL', assemble([Buffer.from([0])], 0)],
    ['a UID', assemble([Buffer.from([0x80, 1])], 0)],
    ['a string with a NUL', binaryPlist('a\0b')],
    ['half a surrogate pair', binaryPlist('\ud800')],
    [
      'an integer of 16 bytes beyond 64 bits',
      assemble([Buffer.concat([Buffer.from([0x14]), Buffer.alloc(16, 0x7f)])], 0),
    ],
  ])('refuses %s', (_, bytes) => {
    expect(refusal(bytes)).not.toBe('accepted');
  });

  it('answers damaged ones with a value or a PlistError, nothing else', () => {
    const rich = binaryPlist(
      dictOf({ a: [1, 2n ** 63n, -5, 1.5, 'ä', new Date(0)], b: Buffer.alloc(20), c: dictOf({}) }),
    );
    fc.assert(
      fc.property(damaged(byHand, rich), (bytes) => {
        refusal(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
