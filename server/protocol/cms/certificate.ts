import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { Algorithm } from './algorithm.ts';
import { algorithmOf } from './algorithm.ts';
import type { Element } from './ber.ts';
import {
  BerError,
  bitsOf,
  bytesOf,
  childrenOf,
  contentOf,
  expectTag,
  readWhole,
  smallIntegerOf,
  tag,
  timeOf,
} from './ber.ts';
import type { Extensions } from './extensions.ts';
import { noExtensions, readExtensions } from './extensions.ts';

/** An X.509 certificate (RFC 5280), as far as device identities need it. Buffers point into `der`. */
export interface Certificate extends Extensions {
  readonly der: Buffer;
  /** What its issuer signed. */
  readonly tbs: Buffer;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Content octets of the serial number, as signers are matched by. */
  readonly serial: Buffer;
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Buffer;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Buffer;
}

/** Reads one certificate, DER only, with nothing after it. @throws {BerError} */
export function readCertificate(der: Buffer): Certificate {
  const [tbs, algorithm, signature, more] = childrenOf(sequence(readWhole(der)));
  if (more !== undefined) throw new BerError('the certificate has too many parts');
  const fields = [...childrenOf(sequence(tbs))];
  const version = fields[0]?.tag === 0xa0 ? versionOf(fields.shift()) : 1;
  const [serial, innerAlgorithm, issuer, validity, subject, publicKey, ...rest] = fields;
  if (!bytesOf(sequence(innerAlgorithm)).equals(bytesOf(sequence(algorithm)))) {
    throw new BerError('the certificate names two signature algorithms');
  }
  const [notBefore, notAfter] = childrenOf(sequence(validity));
  return {
    der,
    tbs: bytesOf(sequence(tbs)),
    version,
    serial: serialOf(serial),
    issuerDer: bytesOf(sequence(issuer)),
    subjectDer: bytesOf(sequence(subject)),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    publicKeyDer: bytesOf(sequence(publicKey)),
    signatureAlgorithm: algorithmOf(algorithm),
    signature: bitsOf(signature),
    ...extensionsIn(rest, version),
  };
}

/**
 * The certificate's public key. Costs tens of microseconds: keep it.
 * @throws {BerError} the key is malformed or of a type that OpenSSL does not know
 */
export function publicKeyOf(certificate: Certificate): KeyObject {
  try {
    const rsa = plainRsaKey(certificate.publicKeyDer);
    return rsa === null
      ? createPublicKey({ key: certificate.publicKeyDer, format: 'der', type: 'spki' })
      : createPublicKey({ key: rsa, format: 'der', type: 'pkcs1' });
  } catch {
    throw new BerError('the certificate holds no usable key');
  }
}

/** An AlgorithmIdentifier: rsaEncryption, with NULL. */
const rsaEncryption = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/**
 * The RSAPublicKey inside an ordinary RSA key, null for every other. OpenSSL finds out by trial what an SPKI
 * holds, which takes longer than two signatures' checks; told that it is RSA, it just reads it.
 */
function plainRsaKey(spki: Buffer): Buffer | null {
  const [algorithm, bits, more] = childrenOf(readWhole(spki));
  if (algorithm === undefined || more !== undefined) return null;
  if (!bytesOf(algorithm).equals(rsaEncryption)) return null;
  const key = bitsOf(bits);
  // OpenSSL would pass over what follows.
  const numbers = childrenOf(sequence(readWhole(key)));
  return numbers.length === 2 && numbers.every((each) => each.tag === tag.integer) ? key : null;
}

function sequence(element: Element | undefined): Element {
  const found = expectTag(element, tag.sequence);
  // Hashes of certificates are identities here, so there must be one way to write each.
  if (found.indefinite) throw new BerError('a certificate is not DER');
  return found;
}

function versionOf(element: Element | undefined): number {
  const [version] = childrenOf(expectTag(element, 0xa0));
  const number = smallIntegerOf(version) + 1;
  if (number > 3) throw new BerError('the certificate is of an unknown version');
  return number;
}

function serialOf(element: Element | undefined): Buffer {
  const serial = contentOf(expectTag(element, tag.integer));
  // RFC 5280 allows 20 octets; some issuers need a few more.
  if (serial.length < 1 || serial.length > 32) throw new BerError('a serial number is too long');
  return serial;
}

function extensionsIn(rest: readonly Element[], version: number): Extensions {
  let extensions: Extensions = noExtensions;
  let last = 0;
  for (const element of rest) {
    // [1] and [2] are unique ids, [3] the extensions; each once and in order.
    if (element.tag <= last || version === 1) throw new BerError('the certificate is malformed');
    last = element.tag;
    if (element.tag === 0xa3 && version === 3) extensions = readExtensions(element);
    else if (![0x81, 0x82].includes(element.tag & 0x9f)) {
      throw new BerError('the certificate is malformed');
    }
  }
  return extensions;
}
