/** Why bytes are not the BER, CMS or certificate that we read. The only thing that these readers throw. */
export class BerError extends Error {
  override readonly name = 'BerError';
}

/** One element of BER (X.690), with its place in the bytes that it was read from. */
export interface Element {
  /** The whole identifier octet: class, constructed bit and number, such as 0x30. */
  readonly tag: number;
  /** Whether its length was indefinite, so that it ends with two zero octets. */
  readonly indefinite: boolean;
  readonly source: Buffer;
  readonly start: number;
  readonly contentStart: number;
  /** End of the content, before any end-of-contents octets. */
  readonly contentEnd: number;
  readonly end: number;
}

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  octetStringInParts: 0x24,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const depthLimit = 16;
const constructed = 0x20;
const indefiniteLength = 0x80;

/** Reads the element that begins at `start` and ends at or before `limit`. @throws {BerError} */
export function readElement(source: Buffer, start: number, limit: number): Element {
  return elementAt(source, start, limit, 0);
}

/** Reads bytes that are one element and nothing more. @throws {BerError} */
export function readWhole(source: Buffer): Element {
  const element = elementAt(source, 0, source.length, 0);
  if (element.end !== source.length) throw new BerError('bytes follow the end');
  return element;
}

function elementAt(source: Buffer, start: number, limit: number, depth: number): Element {
  const indefinite = isIndefiniteAt(source, start, limit);
  const end = endAt(source, start, limit, depth);
  return {
    tag: source[start] ?? 0,
    indefinite,
    source,
    start,
    contentStart: start + 2 + (indefinite ? 0 : lengthOctetsAt(source, start)),
    contentEnd: indefinite ? end - 2 : end,
    end,
  };
}

function isIndefiniteAt(source: Buffer, start: number, limit: number): boolean {
  if (start + 2 > limit) throw new BerError('an element ends too early');
  return source[start + 1] === indefiniteLength;
}

/** How many further octets tell the length. */
function lengthOctetsAt(source: Buffer, start: number): number {
  const first = source[start + 1] ?? 0;
  return first > indefiniteLength ? first - indefiniteLength : 0;
}

/** Where the element that begins at `start` ends. Makes nothing: most are only stepped over. */
function endAt(source: Buffer, start: number, limit: number, depth: number): number {
  const indefinite = isIndefiniteAt(source, start, limit);
  const identifier = source[start] ?? 0;
  if ((identifier & 0x1f) === 0x1f) throw new BerError('a tag number is too high');
  if (indefinite) return indefiniteEndAt(source, start, limit, depth);
  const octets = lengthOctetsAt(source, start);
  const contentStart = start + 2 + octets;
  if (octets > 4 || contentStart > limit) throw new BerError('a length is too long');
  const length = octets === 0 ? (source[start + 1] ?? 0) : source.readUIntBE(start + 2, octets);
  const end = contentStart + length;
  if (end > limit) throw new BerError('an element is longer than what holds it');
  return end;
}

/** Steps over the elements inside one of indefinite length, and its end-of-contents octets. */
function indefiniteEndAt(source: Buffer, start: number, limit: number, depth: number): number {
  if (((source[start] ?? 0) & constructed) === 0) throw new BerError('a primitive has no length');
  if (depth >= depthLimit) throw new BerError('elements nest too deeply');
  let at = start + 2;
  for (;;) {
    if (at + 2 > limit) throw new BerError('an element does not end');
    if (source[at] === 0 && source[at + 1] === 0) return at + 2;
    at = endAt(source, at, limit, depth + 1);
  }
}

/** The elements inside a constructed one. @throws {BerError} */
export function childrenOf(parent: Element): readonly Element[] {
  if ((parent.tag & constructed) === 0) throw new BerError('an element holds no others');
  const children: Element[] = [];
  let at = parent.contentStart;
  while (at < parent.contentEnd) {
    const child = readElement(parent.source, at, parent.contentEnd);
    children.push(child);
    at = child.end;
  }
  return children;
}

/** `element`, if it is there and has this tag. @throws {BerError} */
export function expectTag(element: Element | undefined, wanted: number): Element {
  if (element === undefined) throw new BerError('an element is missing');
  if (element.tag !== wanted) {
    throw new BerError(`tag ${element.tag.toString(16)} stands for ${wanted.toString(16)}`);
  }
  return element;
}

/** The bytes inside an element, not copied. */
export function contentOf(element: Element): Buffer {
  return element.source.subarray(element.contentStart, element.contentEnd);
}

/** The element's bytes with tag and length, not copied. */
export function bytesOf(element: Element): Buffer {
  return element.source.subarray(element.start, element.end);
}

/** The bytes of an OCTET STRING, whole or (BER) in parts; parts may not have parts. @throws {BerError} */
export function octetsOf(element: Element): Buffer {
  if (element.tag === tag.octetStringInParts) {
    const parts = childrenOf(element).map((part) => contentOf(expectTag(part, tag.octetString)));
    return Buffer.concat(parts);
  }
  return contentOf(expectTag(element, tag.octetString));
}

interface KnownIdentifier {
  readonly content: Buffer;
  readonly text: string;
}

/** Object identifiers that were read, by a number made of their octets: they are the same few in all messages. */
const knownIdentifiers = new Map<number, KnownIdentifier>();
const mostKnown = 256;

/** An object identifier in dots. @throws {BerError} */
export function oidOf(element: Element | undefined): string {
  const { source, contentStart, contentEnd } = expectTag(element, tag.oid);
  if (contentEnd - contentStart > 32) throw new BerError('an identifier is too long');
  let sum = contentEnd - contentStart;
  for (let at = contentStart; at < contentEnd; at += 1) {
    sum = (Math.imul(sum, 31) + (source[at] ?? 0)) | 0;
  }
  const known = knownIdentifiers.get(sum);
  if (known?.content.compare(source, contentStart, contentEnd) === 0) return known.text;
  const content = source.subarray(contentStart, contentEnd);
  const text = inDots(content);
  if (knownIdentifiers.size < mostKnown) {
    knownIdentifiers.set(sum, { content: Buffer.from(content), text });
  }
  return text;
}

function inDots(content: Buffer): string {
  if (content.length === 0) throw new BerError('an identifier is too short');
  let text = '';
  let arc = 0;
  let open = false;
  for (const octet of content) {
    if (!open && octet === 0x80) throw new BerError('an identifier is padded');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new BerError('an identifier is too large');
    open = (octet & 0x80) !== 0;
    if (open) continue;
    if (text === '') {
      const root = Math.min(Math.floor(arc / 40), 2);
      text = `${root}.${arc - root * 40}`;
    } else {
      text += `.${arc}`;
    }
    arc = 0;
  }
  if (open) throw new BerError('an identifier ends too early');
  return text;
}

/** An INTEGER small enough for a number and not negative. @throws {BerError} */
export function smallIntegerOf(element: Element | undefined): number {
  const { source, contentStart, contentEnd } = expectTag(element, tag.integer);
  const length = contentEnd - contentStart;
  if (length < 1 || length > 4 || source.readInt8(contentStart) < 0) {
    throw new BerError('a number is out of range');
  }
  return source.readUIntBE(contentStart, length);
}

/** The bytes of a BIT STRING that fills its last octet. @throws {BerError} */
export function bitsOf(element: Element | undefined): Buffer {
  const content = contentOf(expectTag(element, tag.bitString));
  if (content[0] !== 0) throw new BerError('a bit string has unused bits');
  return content.subarray(1);
}

/** A UTCTime or GeneralizedTime as RFC 5280 (4.1.2.5) demands it: seconds, ending in Z. @throws {BerError} */
export function timeOf(element: Element | undefined): Date {
  if (element === undefined) throw new BerError('a time is missing');
  const utc = element.tag === tag.utcTime;
  if (!utc && element.tag !== tag.generalizedTime) throw new BerError('a time is of another type');
  const { source, contentStart: start, contentEnd: end } = element;
  const yearDigits = utc ? 2 : 4;
  if (end - start !== yearDigits + 11 || source[end - 1] !== 0x5a) {
    throw new BerError('a time is malformed');
  }
  const written = digitsAt(source, start, yearDigits);
  const year = utc ? written + (written >= 50 ? 1900 : 2000) : written;
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((at) =>
    digitsAt(source, start + yearDigits + at, 2),
  );
  const time = new Date(0);
  time.setUTCFullYear(year, (month ?? 0) - 1, day);
  time.setUTCHours(hour ?? 0, minute, second);
  // JavaScript turns 30 February into 2 March; only what reads back the same exists.
  const exists =
    time.getUTCMonth() + 1 === month &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  if (!exists) throw new BerError('a time does not exist');
  return time;
}

/** The number that so many decimal digits are. */
function digitsAt(source: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at += 1) {
    const digit = (source[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) throw new BerError('a time is malformed');
    value = value * 10 + digit;
  }
  return value;
}
