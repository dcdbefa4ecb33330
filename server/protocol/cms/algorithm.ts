import type { KeyObject } from 'node:crypto';
import { constants, verify } from 'node:crypto';
import type { Element } from './ber.ts';
import { BerError, childrenOf, expectTag, oidOf, smallIntegerOf, tag } from './ber.ts';
import { oid } from './oids.ts';

/** Digests that are read. MD2, MD4 and MD5 never are. */
export type Digest = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** An AlgorithmIdentifier (RFC 5280, 4.1.1.2). */
export interface Algorithm {
  readonly oid: string;
  readonly parameters: Element | null;
}

/** How a signature was made. `digest` is null when only the CMS's digest algorithm names it. */
export interface SignatureScheme {
  readonly kind: 'rsa' | 'rsa-pss' | 'ecdsa';
  readonly digest: Digest | null;
  /** PSS only, in bytes. */
  readonly saltLength: number;
}

const digests = new Map<string, Digest>([
  [oid.sha1, 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  [oid.sha256, 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

const plain = (kind: 'rsa' | 'ecdsa', digest: Digest | null): SignatureScheme => ({
  kind,
  digest,
  saltLength: 0,
});

const schemes = new Map<string, SignatureScheme>([
  [oid.rsa, plain('rsa', null)],
  [oid.sha1WithRsa, plain('rsa', 'sha1')],
  ['1.2.840.113549.1.1.14', plain('rsa', 'sha224')],
  [oid.sha256WithRsa, plain('rsa', 'sha256')],
  ['1.2.840.113549.1.1.12', plain('rsa', 'sha384')],
  ['1.2.840.113549.1.1.13', plain('rsa', 'sha512')],
  // Named by the key's type alone: seen from older signers instead of ecdsa-with-SHA….
  [oid.ecPublicKey, plain('ecdsa', null)],
  [oid.ecdsaWithSha1, plain('ecdsa', 'sha1')],
  ['1.2.840.10045.4.3.1', plain('ecdsa', 'sha224')],
  [oid.ecdsaWithSha256, plain('ecdsa', 'sha256')],
  ['1.2.840.10045.4.3.3', plain('ecdsa', 'sha384')],
  ['1.2.840.10045.4.3.4', plain('ecdsa', 'sha512')],
]);

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
/** Below, factoring is within reach; above, one signature costs milliseconds. */
const rsaBits = { least: 1024, most: 8192 };

/** @throws {BerError} */
export function algorithmOf(element: Element | undefined): Algorithm {
  const [id, parameters, more] = childrenOf(expectTag(element, tag.sequence));
  if (more !== undefined) throw new BerError('an algorithm has too many parts');
  return { oid: oidOf(id), parameters: parameters ?? null };
}

/** The digest that an algorithm names, or null if it is none that is read. */
export function digestNamed(algorithm: Algorithm): Digest | null {
  return digests.get(algorithm.oid) ?? null;
}

/**
 * The scheme that a signature algorithm names, or null if it is none that is read.
 * @throws {BerError} PSS parameters are malformed
 */
export function schemeNamed(algorithm: Algorithm): SignatureScheme | null {
  if (algorithm.oid === oid.rsaPss) return pssScheme(algorithm.parameters);
  return schemes.get(algorithm.oid) ?? null;
}

/** RSASSA-PSS-params (RFC 4055, 3.1). Only one digest for both of its uses: what OpenSSL's key can do. */
function pssScheme(parameters: Element | null): SignatureScheme | null {
  if (parameters === null) return null;
  let digest: Digest | null = 'sha1';
  let mask: Digest | null = 'sha1';
  let saltLength = 20;
  for (const field of childrenOf(expectTag(parameters, tag.sequence))) {
    const [inner] = childrenOf(field);
    if (field.tag === 0xa0) digest = digestNamed(algorithmOf(inner));
    else if (field.tag === 0xa1) {
      const generator = algorithmOf(inner);
      const of = generator.parameters ?? undefined;
      mask = generator.oid === oid.mgf1 ? digestNamed(algorithmOf(of)) : null;
    } else if (field.tag === 0xa2) saltLength = smallIntegerOf(inner);
    else if (field.tag !== 0xa3 || smallIntegerOf(inner) !== 1) return null;
  }
  if (digest === null || digest !== mask || saltLength > 512) return null;
  return { kind: 'rsa-pss', digest, saltLength };
}

/** Whether a key is of a type, size and curve that signatures are checked with. */
export function keyIsUsable(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (type === 'ec') return curves.has(namedCurve);
  const rsa = type === 'rsa' || type === 'rsa-pss';
  return rsa && modulusLength >= rsaBits.least && modulusLength <= rsaBits.most;
}

/** Whether `signature` over `data` was made by the private half of `key`. Never throws. */
export function signatureHolds(
  scheme: SignatureScheme,
  digest: Digest,
  data: Buffer,
  key: KeyObject,
  signature: Buffer,
): boolean {
  const type = key.asymmetricKeyType;
  const fits =
    scheme.kind === 'ecdsa'
      ? type === 'ec'
      : type === 'rsa' || (scheme.kind === 'rsa-pss' && type === 'rsa-pss');
  if (!fits || !keyIsUsable(key)) return false;
  try {
    if (scheme.kind !== 'rsa-pss') return verify(digest, data, key, signature);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify(digest, data, { key, padding, saltLength: scheme.saltLength }, signature);
  } catch {
    // OpenSSL throws on some malformed signatures instead of answering false.
    return false;
  }
}
