import { tag } from './ber.ts';

/** One DER element: tag, definite length, and the contents one after the other. */
export function der(identifier: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([identifier]), lengthOf(content.length), content]);
}

/** One BER element of indefinite length, as Apple's devices write the outer layers of a CMS. */
export function berIndefinite(identifier: number, ...contents: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([identifier, 0x80]), ...contents, Buffer.from([0, 0])]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
  const bytes = Buffer.alloc(octets + 1, 0x80 + octets);
  bytes.writeUIntBE(length, 1, octets);
  return bytes;
}

export function derSequence(...contents: readonly Uint8Array[]): Buffer {
  return der(tag.sequence, ...contents);
}

/** A SET OF: DER wants its elements sorted by their bytes (X.690, 11.6). */
export function derSet(...contents: readonly Uint8Array[]): Buffer {
  return der(tag.set, ...contents.toSorted((one, other) => Buffer.compare(one, other)));
}

/** A context-specific constructed element `[number]`. */
export function derContext(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...contents);
}

/** An INTEGER that is not negative: a number, or big-endian bytes of any length. */
export function derInteger(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? bytesOfNumber(value) : Buffer.from(value);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  const signed = ((digits[0] ?? 0) & 0x80) !== 0;
  return der(tag.integer, signed ? Buffer.concat([Buffer.from([0]), digits]) : digits);
}

function bytesOfNumber(value: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const arcs = [first * 40 + second, ...rest];
  return der(tag.oid, Buffer.from(arcs.flatMap(base128)));
}

function base128(arc: number): readonly number[] {
  const digits = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
    digits.unshift((left % 128) | 0x80);
  }
  return digits;
}

export function derNull(): Buffer {
  return der(tag.null);
}

export function derBoolean(value: boolean): Buffer {
  return der(tag.boolean, Buffer.from([value ? 0xff : 0]));
}

export function derOctets(bytes: Uint8Array): Buffer {
  return der(tag.octetString, bytes);
}

/** A BIT STRING of whole octets, or with `unused` bits at its end. */
export function derBits(bytes: Uint8Array, unused = 0): Buffer {
  return der(tag.bitString, Buffer.from([unused]), bytes);
}

export function derUtf8(text: string): Buffer {
  return der(tag.utf8String, Buffer.from(text, 'utf8'));
}

export function derPrintable(text: string): Buffer {
  return der(tag.printableString, Buffer.from(text, 'latin1'));
}

/** UTCTime from 1950 to 2049, GeneralizedTime outside (RFC 5280, 4.1.2.5); whole seconds. */
export function derTime(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  const year = at.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? der(tag.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : der(tag.generalizedTime, Buffer.from(digits, 'latin1'));
}
