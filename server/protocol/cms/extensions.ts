import type { Element } from './ber.ts';
import {
  BerError,
  childrenOf,
  contentOf,
  expectTag,
  octetsOf,
  oidOf,
  readWhole,
  smallIntegerOf,
  tag,
} from './ber.ts';
import { oid } from './oids.ts';

/** The extensions of a certificate that decide what it may be used for (RFC 5280, 4.2.1). */
export interface Extensions {
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | null } | null;
  /** The usages by name, or null if any usage is allowed. */
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  /** Object identifiers, or null if any purpose is allowed. */
  readonly extendedKeyUsage: readonly string[] | null;
  /** Critical extensions that are not understood here: the certificate must not be relied on. */
  readonly unknownCritical: readonly string[];
}

/** In the order of their bits. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsages)[number];

export const noExtensions: Extensions = {
  subjectKeyId: null,
  authorityKeyId: null,
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  unknownCritical: [],
};

/** Critical or not, these change nothing about whether a device may sign with its key. */
const harmless: ReadonlySet<string> = new Set([
  oid.subjectAltName,
  '2.5.29.18', // issuerAltName
  '2.5.29.31', // cRLDistributionPoints
  '2.5.29.32', // certificatePolicies
  '1.3.6.1.5.5.7.1.1', // authorityInfoAccess
]);

/** Reads the [3] of a certificate. @throws {BerError} */
export function readExtensions(element: Element): Extensions {
  const [list, more] = childrenOf(element);
  if (more !== undefined) throw new BerError('the extensions are malformed');
  const found: { -readonly [Name in keyof Extensions]: Extensions[Name] } = { ...noExtensions };
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const extension of childrenOf(expectTag(list, tag.sequence))) {
    const parts = childrenOf(expectTag(extension, tag.sequence));
    const id = oidOf(parts[0]);
    const critical = parts[1]?.tag === tag.boolean && contentOf(parts[1])[0] !== 0;
    const value = octetsOf(expectTag(parts.at(-1), tag.octetString));
    if (seen.has(id)) throw new BerError('an extension stands twice');
    seen.add(id);
    if (id === oid.subjectKeyId) {
      found.subjectKeyId = octetsOf(expectTag(readWhole(value), tag.octetString));
    } else if (id === oid.authorityKeyId) {
      const fields = childrenOf(expectTag(readWhole(value), tag.sequence));
      const keyId = fields.find((field) => field.tag === 0x80);
      found.authorityKeyId = keyId === undefined ? null : contentOf(keyId);
    } else if (id === oid.basicConstraints) {
      found.basicConstraints = basicConstraintsOf(value);
    } else if (id === oid.keyUsage) {
      found.keyUsage = keyUsageOf(value);
    } else if (id === oid.extendedKeyUsage) {
      found.extendedKeyUsage = childrenOf(expectTag(readWhole(value), tag.sequence)).map(oidOf);
    } else if (critical && !harmless.has(id)) {
      unknownCritical.push(id);
    }
  }
  return { ...found, unknownCritical };
}

function basicConstraintsOf(value: Buffer): Extensions['basicConstraints'] {
  const fields = childrenOf(expectTag(readWhole(value), tag.sequence));
  const flag = fields.find((field) => field.tag === tag.boolean);
  const length = fields.find((field) => field.tag === tag.integer);
  return {
    ca: flag !== undefined && contentOf(flag)[0] !== 0,
    pathLength: length === undefined ? null : smallIntegerOf(length),
  };
}

function keyUsageOf(value: Buffer): ReadonlySet<KeyUsage> {
  const bits = contentOf(expectTag(readWhole(value), tag.bitString)).subarray(1);
  return new Set(keyUsages.filter((_, bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}
