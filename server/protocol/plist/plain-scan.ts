import { isAscii, isUtf8 } from 'node:buffer';
import { readDate, readInteger, readReal } from './leaf.ts';
import type { Bounds, PlistDict, PlistValue } from './value.ts';
import { PlistError } from './value.ts';

// The property lists that devices send are all of one plain form: no comments, no CDATA, no attributes,
// tags as Apple writes them. That form can be judged by looking at each byte once, without making text
// of it: a sixth of what the reader of all forms takes for half a megabyte.
//
// It is a shortcut and no second opinion. Whatever is not plain, be it wrong or merely unusual, gets no
// answer here, and the other reader judges it. So all that must hold is that the other one accepts
// what is plain, with the same values: a fuzz test says so.

/** What may end a run of text. */
const textKind = new Uint8Array(256).fill(1, 0, 0x20);
for (const blank of [0x09, 0x0a, 0x0d]) textKind[blank] = 0;
for (const mark of '<&') textKind[mark.charCodeAt(0)] = 1;

const digit64 = 1;
const blank64 = 2;
const dataKind = new Uint8Array(256);
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  dataKind[letter.charCodeAt(0)] = digit64;
}
for (const blank of ' \t\r\n') dataKind[blank.charCodeAt(0)] = blank64;

const declaration = '<?xml version="1.0" encoding="UTF-8"?>';
const doctype = '<!DOCTYPE';
const doctypeLimit = 512;
const rootStart = '<plist version="1.0">';
const rootEnd = '</plist>';
const references = ['&amp;', '&lt;', '&gt;', '&quot;', '&apos;'];
/** U+FFFE and U+FFFF: what no text may hold beside control characters. */
const noCharacters = [Buffer.of(0xef, 0xbf, 0xbe), Buffer.of(0xef, 0xbf, 0xbf)];

const lessThan = 0x3c;
const slash = 0x2f;
const greater = 0x3e;
const ampersand = 0x26;
const equals = 0x3d;
const failed = -1;

/** Four letters as they are compared: tags are recognised by two such looks. */
function letters(text: string): number {
  return Buffer.from(text, 'latin1').readInt32LE(0);
}

const [stri, ing1, ng1] = [letters('stri'), letters('ing>'), letters('ng/>')];
const [key1, dict, true4] = [letters('key>'), letters('dict'), letters('true')];
const [arra, ray1] = [letters('arra'), letters('ray>')];
const [fals, se1, real] = [letters('fals'), letters('se/>'), letters('real')];
const [inte, ger1, date, data] = [
  letters('inte'),
  letters('ger>'),
  letters('date'),
  letters('data'),
];

/**
 * Reads few top-level keys of a property list in plain form; of a container only its type.
 * @returns null when it is not plain, or not right
 */
export function scanPlain(
  bytes: Buffer,
  bounds: Bounds,
  wanted: ReadonlySet<string>,
): PlistDict | null {
  const start = prologEnd(bytes);
  if (start === failed || !isText(bytes)) return null;
  const found = Object.create(null) as Record<string, PlistValue>;
  const dictEnd = readRoot(bytes, start, bounds, wanted, found);
  if (dictEnd === failed) return null;
  const at = skipBlanks(bytes, dictEnd);
  if (!standsAt(bytes, at, rootEnd)) return null;
  const end = at + rootEnd.length;
  return bounds.allowTrailing || skipBlanks(bytes, end) === bytes.length ? found : null;
}

function isText(bytes: Buffer): boolean {
  if (isAscii(bytes)) return true;
  return isUtf8(bytes) && !noCharacters.some((one) => bytes.includes(one));
}

/** @returns where the first key of the root is looked for */
function prologEnd(bytes: Buffer): number {
  if (!standsAt(bytes, 0, declaration)) return failed;
  let at = skipBlanks(bytes, declaration.length);
  if (standsAt(bytes, at, doctype)) {
    const limit = Math.min(at + doctypeLimit, bytes.length);
    at += doctype.length;
    for (; at < limit && bytes[at] !== greater; at += 1) {
      const code = bytes[at] ?? 0;
      // `[` begins declarations.
      if (code < 0x20 || code === 0x5b) return failed;
    }
    if (at >= limit) return failed;
    at = skipBlanks(bytes, at + 1);
  }
  if (!standsAt(bytes, at, rootStart)) return failed;
  at = skipBlanks(bytes, at + rootStart.length);
  return bytes[at] === lessThan && look(bytes, at + 1) === dict && bytes[at + 5] === greater
    ? at + 6
    : failed;
}

/** Moves from behind the root's tag to behind its end. */
function readRoot(
  bytes: Buffer,
  start: number,
  bounds: Bounds,
  wanted: ReadonlySet<string>,
  found: Record<string, PlistValue>,
): number {
  /** Whether the containers around the innermost one are dictionaries. */
  const around: boolean[] = [];
  let isDict = true;
  let values = 1;
  let at = start;
  for (;;) {
    at = skipBlanks(bytes, at);
    if (bytes[at] !== lessThan) return failed;
    if (bytes[at + 1] === slash) {
      if (isDict) {
        if (look(bytes, at + 2) !== dict || bytes[at + 6] !== greater) return failed;
        at += 7;
      } else {
        if (look(bytes, at + 2) !== arra || look(bytes, at + 4) !== ray1) return failed;
        at += 8;
      }
      const outer = around.pop();
      if (outer === undefined) return at;
      isDict = outer;
      continue;
    }
    let key: string | null = null;
    if (isDict) {
      if (look(bytes, at + 1) !== key1) return failed;
      const from = at + 5;
      at = textEnd(bytes, from);
      if (at === failed || look(bytes, at + 2) !== key1) return failed;
      if (around.length === 0) {
        const name = bytes.toString('latin1', from, at);
        if (name.includes('&')) return failed;
        if (wanted.has(name)) key = name;
      }
      at = skipBlanks(bytes, at + 6);
      if (bytes[at] !== lessThan) return failed;
    }
    values += 1;
    if (values > bounds.values) return failed;
    const tag = look(bytes, at + 1);
    if (tag === stri) {
      if (look(bytes, at + 4) === ing1) {
        const from = at + 8;
        at = textEnd(bytes, from);
        if (at === failed || look(bytes, at + 2) !== stri || look(bytes, at + 5) !== ing1) {
          return failed;
        }
        if (key !== null) {
          const text = bytes.toString('utf8', from, at);
          // What is to be resolved is left to who does that.
          if (/[&\r]/.test(text)) return failed;
          found[key] = text;
        }
        at += 9;
      } else {
        if (look(bytes, at + 5) !== ng1) return failed;
        if (key !== null) found[key] = '';
        at += 9;
      }
    } else if (tag === dict || tag === arra) {
      const isArray = tag === arra;
      const nameEnd = isArray ? at + 6 : at + 5;
      if (isArray && bytes[at + 5] !== 0x79) return failed;
      if (key !== null) found[key] = isArray ? [] : {};
      if (around.length + 1 >= bounds.depth) return failed;
      if (bytes[nameEnd] === slash && bytes[nameEnd + 1] === greater) {
        at = nameEnd + 2;
        continue;
      }
      if (bytes[nameEnd] !== greater) return failed;
      at = nameEnd + 1;
      around.push(isDict);
      isDict = !isArray;
    } else {
      // Values of these types are wanted of no key.
      if (key !== null) return failed;
      at = leafEnd(bytes, at, tag);
      if (at === failed) return failed;
    }
  }
}

/** @returns where the leaf ends that begins at `at`, which is no string */
function leafEnd(bytes: Buffer, at: number, tag: number): number {
  if (tag === true4) return bytes[at + 5] === slash && bytes[at + 6] === greater ? at + 7 : failed;
  if (tag === fals) return look(bytes, at + 4) === se1 ? at + 8 : failed;
  if (tag === inte) {
    if (look(bytes, at + 5) !== ger1) return failed;
    return numberEnd(bytes, at + 9);
  }
  if (bytes[at + 5] !== greater) {
    return tag === data && bytes[at + 5] === slash && bytes[at + 6] === greater ? at + 7 : failed;
  }
  if (tag === data) return dataEnd(bytes, at + 6);
  if (tag !== real && tag !== date) return failed;
  const from = at + 6;
  const end = textEnd(bytes, from);
  if (end === failed || look(bytes, end + 2) !== tag || bytes[end + 6] !== greater) return failed;
  return isRight(tag === real ? readReal : readDate, bytes, from, end) ? end + 7 : failed;
}

function numberEnd(bytes: Buffer, from: number): number {
  const first = bytes[from] === 0x2d ? from + 1 : from;
  let at = first;
  for (let code = bytes[at] ?? 0; code >= 0x30 && code <= 0x39; code = bytes[at] ?? 0) at += 1;
  // As many digits fit into 64 bits whatever they are.
  if (bytes[at] !== lessThan || at === first || at - first > 18) {
    at = textEnd(bytes, from);
    if (at === failed || !isRight(readInteger, bytes, from, at)) return failed;
  }
  return look(bytes, at + 2) === inte && look(bytes, at + 6) === ger1 && bytes[at + 1] === slash
    ? at + 10
    : failed;
}

function isRight(
  read: (text: string) => unknown,
  bytes: Buffer,
  from: number,
  end: number,
): boolean {
  try {
    read(bytes.toString('utf8', from, end));
    return true;
  } catch (error) {
    if (error instanceof PlistError) return false;
    throw error;
  }
}

/** Standard padded base64 with blanks anywhere, up to its closing tag. */
function dataEnd(bytes: Buffer, from: number): number {
  let at = from;
  let digits = 0;
  let padding = 0;
  for (;;) {
    const run = at;
    if (padding === 0) while (dataKind[bytes[at] ?? 0] === digit64) at += 1;
    digits += at - run;
    const code = bytes[at] ?? 0;
    if (code === equals) padding += 1;
    else if (dataKind[code] !== blank64) break;
    at += 1;
  }
  if (padding > 2 || (digits + padding) % 4 !== 0 || (padding > 0 && digits % 4 === 0)) {
    return failed;
  }
  return bytes[at] === lessThan &&
    bytes[at + 1] === slash &&
    look(bytes, at + 2) === data &&
    bytes[at + 6] === greater
    ? at + 7
    : failed;
}

/** @returns where the closing tag stands that ends the text which begins at `from` */
function textEnd(bytes: Buffer, from: number): number {
  const end = bytes.length;
  let at = from;
  for (;;) {
    while (at < end && textKind[bytes[at] ?? 0] === 0) at += 1;
    if (bytes[at] !== ampersand) break;
    const one = references.find((reference) => standsAt(bytes, at, reference));
    if (one === undefined) return failed;
    at += one.length;
  }
  return bytes[at] === lessThan && bytes[at + 1] === slash ? at : failed;
}

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (dataKind[bytes[at] ?? 0] === blank64) at += 1;
  return at;
}

function look(bytes: Buffer, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function standsAt(bytes: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
