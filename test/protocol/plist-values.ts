import * as fc from 'fast-check';
import type { PlistValue } from '../../server/protocol/plist/value.ts';

// oxlint-disable-next-line no-control-regex -- XML can't carry these
const carried = (text: string) => !/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text);

const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(...Array.from('<>&"\'\r\n\t ]]-!äÄ😀abc')) }),
    fc.constantFrom('__proto__', 'constructor', 'Status', 'Idle', ''),
  )
  .filter(carried);

const date = fc
  .date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  .map((at) => new Date(Math.floor(at.getTime() / 1000) * 1000));

/** Any value that a property list can hold, and that reads back as itself. */
export const plistValue: fc.Arbitrary<PlistValue> = fc.letrec<{ value: PlistValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc
      .double()
      .map((number) => (number === 0 ? 0 : number))
      .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
    date,
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5, noNullPrototype: false }).map(dictOf),
  ),
})).value;

/** A dictionary as the readers make it: without a prototype. */
export function dictOf(entries: Readonly<Record<string, PlistValue>>) {
  const dict = Object.create(null) as Record<string, PlistValue>;
  for (const [key, value] of Object.entries(entries)) dict[key] = value;
  return dict;
}
