import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Digest } from './algorithm.ts';
import { digestNamed, schemeNamed, signatureHolds } from './algorithm.ts';
import type { Element } from './ber.ts';
import { readAttributes, singleValue } from './attributes.ts';
import { BerError, bytesOf, expectTag, octetsOf, oidOf, tag, timeOf } from './ber.ts';
import { oid } from './oids.ts';
import type { SignedData } from './signed-data.ts';

/** What a signature is checked with. */
export interface SignerKey {
  readonly publicKey: KeyObject;
  /** The certificate's validity, within which a signing time must lie. */
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** `holds`, or in a word why a signature does not. */
export type SignatureVerdict =
  | 'holds'
  | 'signature-mismatch'
  | 'digest-refused'
  | 'sha1-refused'
  | 'algorithm-refused'
  | 'bad-attributes'
  | 'bad-signing-time';

/**
 * Whether the signer signed `body`, which takes the place of any attached content (RFC 5652, 5.4).
 * Signed directly or through signed attributes; RSA (PKCS #1 v1.5, PSS) and ECDSA over P-256, P-384
 * and P-521; SHA-1 unless refused, MD5 and older never.
 */
export function verifyDetached(
  signed: SignedData,
  body: Buffer,
  signer: SignerKey,
  options: { readonly refuseSha1?: boolean } = {},
): SignatureVerdict {
  try {
    return verdictOn(signed, body, signer, options.refuseSha1 ?? false);
  } catch (error) {
    if (error instanceof BerError) return 'bad-attributes';
    throw error;
  }
}

function verdictOn(
  signed: SignedData,
  body: Buffer,
  signer: SignerKey,
  refuseSha1: boolean,
): SignatureVerdict {
  const digest = digestNamed(signed.digestAlgorithm);
  if (digest === null) return 'digest-refused';
  if (digest === 'sha1' && refuseSha1) return 'sha1-refused';
  const scheme = schemeNamed(signed.signatureAlgorithm);
  if (scheme === null || (scheme.digest !== null && scheme.digest !== digest)) {
    return 'algorithm-refused';
  }
  if (signed.contentType !== oid.data) return 'bad-attributes';
  let data = body;
  if (signed.signedAttributes !== null) {
    const problem = attributesProblem(signed.signedAttributes, body, digest, signer);
    if (problem !== null) return problem;
    // Signed as a SET, though it stands in the message with the tag [0] (RFC 5652, 5.4).
    data = Buffer.from(bytesOf(signed.signedAttributes));
    data[0] = tag.set;
  }
  const holds = signatureHolds(scheme, digest, data, signer.publicKey, signed.signature);
  return holds ? 'holds' : 'signature-mismatch';
}

function attributesProblem(
  attributes: Element,
  body: Buffer,
  digest: Digest,
  signer: SignerKey,
): SignatureVerdict | null {
  // The signature covers the attributes' DER; other encodings we would have to guess back.
  if (attributes.indefinite) return 'bad-attributes';
  const values = readAttributes(attributes);
  if (oidOf(singleValue(values, oid.contentType)) !== oid.data) return 'bad-attributes';
  const stated = expectTag(singleValue(values, oid.messageDigest), tag.octetString);
  if (!octetsOf(stated).equals(createHash(digest).update(body).digest())) {
    return 'signature-mismatch';
  }
  const time = singleValue(values, oid.signingTime);
  if (time !== undefined) {
    const signedAt = timeOf(time);
    if (signedAt < signer.notBefore || signedAt > signer.notAfter) return 'bad-signing-time';
  }
  return null;
}
