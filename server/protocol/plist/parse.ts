import { isBinaryPlist, parseBinaryPlist } from './binary.ts';
import { decodeText, encodingFits } from './text.ts';
import type { Bounds, PlistLimits, PlistValue } from './value.ts';
import { boundsOf, PlistError } from './value.ts';
import { readXml } from './xml.ts';

/**
 * Reads a property list, XML or binary, within limits and without recursion.
 *
 * XML is taken as NanoMDM takes it: leading blank lines, no declaration, no `<plist>` around the
 * root, CDATA, comments, keys twice (the last wins); and, beyond it, UTF-16 and byte order marks.
 * Never taken: a DOCTYPE with declarations, entities that XML does not define, numbers, dates and
 * data that are none.
 * @throws {PlistError} and nothing else, whatever the bytes
 */
export function parsePlist(bytes: Buffer, limits: PlistLimits = {}): PlistValue {
  return readPlist(bytes, boundsOf(limits), null);
}

/** `parsePlist`, or with `wanted` the same checks while keeping only those keys of the root. */
export function readPlist(
  bytes: Buffer,
  bounds: Bounds,
  wanted: ReadonlySet<string> | null,
): PlistValue {
  if (isBinaryPlist(bytes)) return parseBinaryPlist(bytes, bounds);
  const rootEnd = (text: string) => readXml(text, bounds, new Set()).end;
  const text = decodeText(bytes, bounds.allowTrailing ? rootEnd : null);
  const { value, encoding } = readXml(text, bounds, wanted);
  if (encoding !== null && !encodingFits(encoding, bytes)) {
    throw new PlistError('bad-encoding', 'The property list declares another encoding.');
  }
  return value;
}
