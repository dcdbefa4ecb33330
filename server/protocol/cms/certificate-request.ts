import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { Algorithm, Digest } from './algorithm.ts';
import { algorithmOf, schemeNamed, signatureHolds } from './algorithm.ts';
import type { Attributes } from './attributes.ts';
import { readAttributes, singleValue } from './attributes.ts';
import type { Element } from './ber.ts';
import {
  BerError,
  bitsOf,
  bytesOf,
  childrenOf,
  expectTag,
  octetsOf,
  oidOf,
  readWhole,
  smallIntegerOf,
  tag,
} from './ber.ts';
import { textOf } from './name.ts';
import { oid } from './oids.ts';

/** A certification request (PKCS #10, RFC 2986). Buffers point into `der`. */
export interface CertificateRequest {
  readonly der: Buffer;
  /** What its maker signed. */
  readonly info: Buffer;
  /** May be an empty sequence. */
  readonly subjectDer: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Buffer;
  /** The secret that allows the request, or null if there is none. */
  readonly challengePassword: string | null;
  /** GeneralNames of the requested subjectAltName, DER, or null. */
  readonly subjectAltName: Buffer | null;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Buffer;
}

/** Reads one request with nothing after it. Its signature is not checked. @throws {BerError} */
export function readCertificateRequest(der: Buffer): CertificateRequest {
  const [info, algorithm, signature, more] = childrenOf(expectTag(readWhole(der), tag.sequence));
  if (more !== undefined) throw new BerError('the request has too many parts');
  const parts = childrenOf(expectTag(info, tag.sequence));
  const [version, subject, publicKey, attributes, extra] = parts;
  if (smallIntegerOf(version) !== 0 || extra !== undefined) {
    throw new BerError('the request is of an unknown version');
  }
  const found: Attributes =
    attributes === undefined ? new Map() : readAttributes(expectTag(attributes, 0xa0));
  const challenge = singleValue(found, oid.challengePassword);
  return {
    der,
    info: bytesOf(expectTag(info, tag.sequence)),
    subjectDer: bytesOf(expectTag(subject, tag.sequence)),
    publicKeyDer: bytesOf(expectTag(publicKey, tag.sequence)),
    challengePassword: challenge === undefined ? null : textOf(challenge),
    subjectAltName: subjectAltNameIn(singleValue(found, oid.extensionRequest)),
    signatureAlgorithm: algorithmOf(algorithm),
    signature: bitsOf(signature),
  };
}

function subjectAltNameIn(extensions: Element | undefined): Buffer | null {
  if (extensions === undefined) return null;
  for (const extension of childrenOf(expectTag(extensions, tag.sequence))) {
    const parts = childrenOf(expectTag(extension, tag.sequence));
    if (oidOf(parts[0]) !== oid.subjectAltName) continue;
    const names = octetsOf(expectTag(parts.at(-1), tag.octetString));
    expectTag(readWhole(names), tag.sequence);
    return names;
  }
  return null;
}

/** The key that the request is for. @throws {BerError} malformed, or of a type that OpenSSL does not know */
export function requestedKey({ publicKeyDer }: CertificateRequest): KeyObject {
  try {
    return createPublicKey({ key: publicKeyDer, format: 'der', type: 'spki' });
  } catch {
    throw new BerError('the request holds no usable key');
  }
}

/**
 * Whether the request was signed with the key that it is for: proof that its maker holds that key.
 * @throws {BerError} the key or the algorithm is malformed
 */
export function requestSignatureHolds(
  request: CertificateRequest,
  accepts: (digest: Digest) => boolean = () => true,
): boolean {
  const scheme = schemeNamed(request.signatureAlgorithm);
  const digest = scheme?.digest ?? null;
  if (scheme === null || digest === null || !accepts(digest)) return false;
  return signatureHolds(scheme, digest, request.info, requestedKey(request), request.signature);
}
