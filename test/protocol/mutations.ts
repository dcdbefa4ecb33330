import * as fc from 'fast-check';

/** Damages valid bytes as a broken sender, a broken line or an attacker would: 1 to 3 times. */
export function damaged(...corpus: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const damage = fc.record({
    kind: fc.constantFrom('flip', 'cut', 'remove', 'double', 'splice', 'insert'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 40 }),
    byte: fc.integer({ min: 0, max: 255 }),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    other: fc.constantFrom(...corpus),
  });
  return fc
    .tuple(fc.constantFrom(...corpus), fc.array(damage, { minLength: 1, maxLength: 3 }))
    .map(([start, damages]) =>
      damages.reduce((bytes, { kind, at, length, byte, from, other }) => {
        const place = Math.floor(at * bytes.length);
        const head = bytes.subarray(0, place);
        const tail = bytes.subarray(place);
        switch (kind) {
          case 'flip': {
            const copy = Buffer.from(bytes);
            if (copy.length > 0) copy[Math.min(place, copy.length - 1)] = byte;
            return copy;
          }
          case 'cut':
            return head;
          case 'remove':
            return Buffer.concat([head, tail.subarray(length)]);
          case 'double':
            return Buffer.concat([head, tail.subarray(0, length), tail]);
          case 'insert':
            return Buffer.concat([head, Buffer.from([byte]), tail]);
          case 'splice':
            break;
        }
        const source = Math.floor(from * other.length);
        return Buffer.concat([head, other.subarray(source, source + length), tail]);
      }, start),
    );
}
