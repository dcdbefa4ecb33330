import type { Element } from './ber.ts';
import { childrenOf, contentOf, expectTag, oidOf, readWhole, tag } from './ber.ts';
import { oid } from './oids.ts';

/** One attribute of a distinguished name. */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

const shortNames = new Map<string, string>([
  [oid.commonName, 'CN'],
  [oid.serialNumber, 'SERIALNUMBER'],
  [oid.country, 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  [oid.organization, 'O'],
  [oid.organizationalUnit, 'OU'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  [oid.userId, 'UID'],
  ['1.2.840.113549.1.9.1', 'E'],
]);

/** The attributes of a Name (RFC 5280, 4.1.2.4), set by set, in the order of the DER. @throws {BerError} */
export function readName(der: Buffer): readonly (readonly NameAttribute[])[] {
  return childrenOf(expectTag(readWhole(der), tag.sequence)).map((set) =>
    childrenOf(expectTag(set, tag.set)).map((attribute) => {
      const [type, value] = childrenOf(expectTag(attribute, tag.sequence));
      return { oid: oidOf(type), value: value === undefined ? '' : textOf(value) };
    }),
  );
}

/** The first attribute of that type in a Name, or null. @throws {BerError} */
export function nameAttribute(der: Buffer, type: string): string | null {
  const found = readName(der)
    .flat()
    .find((attribute) => attribute.oid === type);
  return found?.value ?? null;
}

/** A Name as RFC 4514 writes it: the last set first, joined by commas; empty for an empty one. @throws {BerError} */
export function formatName(der: Buffer): string {
  return readName(der)
    .toReversed()
    .map((set) =>
      set
        .map(({ oid: type, value }) => `${shortNames.get(type) ?? type}=${escaped(value)}`)
        .join('+'),
    )
    .join(',');
}

/** The text of a DirectoryString or another string type; a broken one still gives a text to show. */
export function textOf(element: Element): string {
  const content = contentOf(element);
  // A BMPString is big-endian.
  if (element.tag === 0x1e && content.length % 2 === 0) {
    return Buffer.from(content).swap16().toString('utf16le');
  }
  return content.toString(element.tag === tag.utf8String ? 'utf8' : 'latin1');
}

/** RFC 4514, 2.4. Control characters become hexadecimal pairs, so that a log line stays one line. */
function escaped(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/\p{Cc}/gu, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/^[ #]/, '\\$&')
    .replace(/(?<!\\) $/, '\\ ');
}
