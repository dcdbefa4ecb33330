import type { Algorithm } from './algorithm.ts';
import { algorithmOf } from './algorithm.ts';
import type { Element } from './ber.ts';
import {
  BerError,
  bytesOf,
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

/** How a signer is named: by its certificate's issuer and serial, or by its subject key identifier. */
export type SignerId =
  | { readonly issuer: Buffer; readonly serial: Buffer }
  | { readonly subjectKeyId: Buffer };

/** A CMS SignedData (RFC 5652, 5) with its one signer. */
export interface SignedData {
  /** What kind of content was signed; `oid.data` for device messages. */
  readonly contentType: string;
  /** The attached content, or null if it is detached. */
  readonly content: Buffer | null;
  /** DER of the X.509 certificates inside, the signer's and others. */
  readonly certificates: readonly Buffer[];
  readonly signerId: SignerId;
  readonly digestAlgorithm: Algorithm;
  /** The signed attributes as they stand, tag [0]; null if the content is signed directly. */
  readonly signedAttributes: Element | null;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Buffer;
}

const certificateLimit = 10;

/**
 * Reads a ContentInfo that holds a SignedData with exactly one signer, in DER or in the BER of
 * indefinite lengths that Apple's devices write.
 * @throws {BerError}
 */
export function parseSignedData(bytes: Buffer): SignedData {
  const [type, wrapper, more] = childrenOf(expectTag(readWhole(bytes), tag.sequence));
  if (oidOf(type) !== oid.signedData || more !== undefined) throw new BerError('no signed data');
  const fields = childrenOf(expectTag(onlyChild(expectTag(wrapper, 0xa0)), tag.sequence));
  smallIntegerOf(fields[0]);
  expectTag(fields[1], tag.set);
  const [contentType, content, extra] = childrenOf(expectTag(fields[2], tag.sequence));
  if (extra !== undefined) throw new BerError('the content has too many parts');
  let at = 3;
  let certificates: readonly Buffer[] = [];
  if (fields[at]?.tag === 0xa0) certificates = certificatesIn(fields[at++]);
  if (fields[at]?.tag === 0xa1) at += 1;
  const signers = childrenOf(expectTag(fields[at], tag.set));
  if (fields.length !== at + 1) throw new BerError('signed data has too many parts');
  const [signer, another] = signers;
  if (signer === undefined || another !== undefined) throw new BerError('not exactly one signer');
  return {
    contentType: oidOf(contentType),
    content: content === undefined ? null : octetsOf(onlyChild(expectTag(content, 0xa0))),
    certificates,
    ...signerOf(signer),
  };
}

function certificatesIn(element: Element | undefined): readonly Buffer[] {
  const all = childrenOf(expectTag(element, 0xa0));
  if (all.length > certificateLimit) throw new BerError('too many certificates');
  return all.filter((each) => each.tag === tag.sequence).map(bytesOf);
}

function signerOf(element: Element) {
  const fields = childrenOf(expectTag(element, tag.sequence));
  smallIntegerOf(fields[0]);
  const signerId = readSignerId(fields[1]);
  const digestAlgorithm = algorithmOf(fields[2]);
  let at = 3;
  const signedAttributes = fields[at]?.tag === 0xa0 ? (fields[at++] ?? null) : null;
  const signatureAlgorithm = algorithmOf(fields[at]);
  const signature = fields[at + 1];
  if (signature === undefined) throw new BerError('the signature is missing');
  const unsigned = fields[at + 2];
  if (unsigned !== undefined) expectTag(unsigned, 0xa1);
  if (fields.length > at + 3) throw new BerError('the signer has too many parts');
  return {
    signerId,
    digestAlgorithm,
    signedAttributes,
    signatureAlgorithm,
    signature: octetsOf(signature),
  };
}

/** How a SignerInfo names its signer, or a RecipientInfo its recipient. @throws {BerError} */
export function readSignerId(element: Element | undefined): SignerId {
  if (element?.tag === 0x80) return { subjectKeyId: contentOf(element) };
  const [issuer, serial, more] = childrenOf(expectTag(element, tag.sequence));
  if (more !== undefined) throw new BerError('the signer is named by too many parts');
  return {
    issuer: bytesOf(expectTag(issuer, tag.sequence)),
    serial: contentOf(expectTag(serial, tag.integer)),
  };
}

function onlyChild(parent: Element): Element {
  const [child, more] = childrenOf(parent);
  if (child === undefined || more !== undefined) throw new BerError('not exactly one element');
  return child;
}
