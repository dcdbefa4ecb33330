import { isAscii, isUtf8 } from 'node:buffer';
import { PlistError } from './value.ts';

const largest = 256 * 1024 * 1024;

/**
 * The characters of an XML property list: UTF-8 with or without a byte order mark, or UTF-16 with a
 * mark or recognisable by its first character (XML 1.0, appendix F).
 *
 * Bytes that are no UTF-8 may still stand behind the root, where devices' messages may carry anything:
 * `rootEnd` is then asked, on a byte-for-character reading, where the root ends (markup is ASCII).
 * @throws {PlistError} bad-encoding, too-large
 */
export function decodeText(bytes: Buffer, rootEnd: ((text: string) => number) | null): string {
  if (bytes.length > largest) throw new PlistError('too-large', 'The property list is too large.');
  const utf16 = utf16Order(bytes);
  if (utf16 !== null) return decodeUtf16(bytes, utf16);
  const body =
    bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  if (isAscii(body)) return body.toString('latin1');
  if (isUtf8(body)) return body.toString('utf8');
  if (rootEnd !== null) {
    const root = body.subarray(0, rootEnd(body.toString('latin1')));
    if (isUtf8(root)) return root.toString('utf8');
  }
  throw new PlistError('bad-encoding', 'The property list is not valid UTF-8.');
}

function utf16Order(bytes: Buffer): 'utf-16le' | 'utf-16be' | null {
  const first = bytes[0];
  const second = bytes[1];
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (first === 0x3c && second === 0) return 'utf-16le';
  if (first === 0 && second === 0x3c) return 'utf-16be';
  return null;
}

function decodeUtf16(bytes: Buffer, order: 'utf-16le' | 'utf-16be'): string {
  try {
    const swapped =
      order === 'utf-16be' ? Buffer.from(bytes.subarray(0, bytes.length & ~1)) : bytes;
    if (order === 'utf-16be') {
      if (bytes.length % 2 !== 0) throw new TypeError('odd length');
      swapped.swap16();
    }
    return new TextDecoder('utf-16le', { fatal: true }).decode(swapped);
  } catch {
    throw new PlistError('bad-encoding', 'The property list is not valid UTF-16.');
  }
}

/** Whether an XML declaration's `encoding` may stand before text that was decoded like this. */
export function encodingFits(declared: string, bytes: Buffer): boolean {
  return utf16Order(bytes) === null
    ? /^utf-8$/i.test(declared)
    : /^utf-16(?:le|be)?$/i.test(declared);
}
