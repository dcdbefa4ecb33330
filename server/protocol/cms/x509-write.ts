import type { KeyObject } from 'node:crypto';
import { createHash, randomBytes, sign } from 'node:crypto';
import { bitsOf, childrenOf, readWhole } from './ber.ts';
import type { Certificate } from './certificate.ts';
import {
  derBits,
  derBoolean,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derPrintable,
  der,
  derSequence,
  derSet,
  derTime,
  derUtf8,
} from './der-write.ts';
import type { KeyUsage } from './extensions.ts';
import { keyUsages } from './extensions.ts';
import { oid } from './oids.ts';

/** The parts of a subject, written in this order; none at all is allowed. */
export interface Subject {
  readonly country?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly commonName?: string;
  readonly serialNumber?: string;
  /** `UID`, where Apple's push certificates carry the topic. */
  readonly userId?: string;
}

/** What a new certificate says. */
export interface CertificateContent {
  /** A subject to write, or one that is DER already, such as that of a request. */
  readonly subject: Subject | Buffer;
  readonly publicKey: KeyObject;
  /** The issuing certificate; left out, the certificate issues itself. */
  readonly issuer?: Certificate;
  /** RSA or EC private key of the issuer, or the certificate's own. */
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whether it may issue others, and through how many more authorities. @default no */
  readonly ca?: boolean | { readonly pathLength: number };
  readonly keyUsage?: readonly KeyUsage[];
  /** Object identifiers of purposes, see `oid`. */
  readonly extendedKeyUsage?: readonly string[];
  /** GeneralNames (RFC 5280, 4.2.1.6), DER. */
  readonly subjectAltName?: Buffer;
  /** Big-endian bytes. @default random */
  readonly serial?: Uint8Array;
}

const subjectOids: readonly (readonly [keyof Subject, string])[] = [
  ['country', oid.country],
  ['organization', oid.organization],
  ['organizationalUnit', oid.organizationalUnit],
  ['commonName', oid.commonName],
  ['serialNumber', oid.serialNumber],
  ['userId', oid.userId],
];

/** A certificate before its signature. */
export interface UnsignedCertificate {
  /** What is to be signed. */
  readonly tbs: Buffer;
  /** AlgorithmIdentifier of the signature to come, DER. */
  readonly algorithm: Buffer;
}

/** Writes and signs (SHA-256) an X.509 version 3 certificate. @returns DER */
export function issueCertificate(content: CertificateContent): Buffer {
  const unsigned = writeCertificate(content);
  return withSignature(unsigned, sign('sha256', unsigned.tbs, content.issuerKey));
}

/** Puts a certificate and its signature together. @returns DER */
export function withSignature({ tbs, algorithm }: UnsignedCertificate, signature: Buffer): Buffer {
  return derSequence(tbs, algorithm, derBits(signature));
}

/** Writes an X.509 version 3 certificate without signing it, so that it can be looked over before. */
export function writeCertificate(content: CertificateContent): UnsignedCertificate {
  const { issuer, issuerKey } = content;
  const subject = Buffer.isBuffer(content.subject) ? content.subject : writeName(content.subject);
  const publicKeyDer = content.publicKey.export({ format: 'der', type: 'spki' });
  const algorithm = sha256SignatureAlgorithm(issuerKey);
  const ownKeyId = keyIdOf(publicKeyDer);
  const authorityKeyId =
    issuer === undefined ? ownKeyId : (issuer.subjectKeyId ?? keyIdOf(issuer.publicKeyDer));
  const tbs = derSequence(
    derContext(0, derInteger(2)),
    derInteger(content.serial ?? newSerial()),
    algorithm,
    issuer?.subjectDer ?? subject,
    derSequence(derTime(content.notBefore), derTime(content.notAfter)),
    subject,
    publicKeyDer,
    derContext(3, derSequence(...extensions(content, subject, ownKeyId, authorityKeyId))),
  );
  return { tbs, algorithm };
}

/** A Name with one attribute in each set; country as PrintableString, everything else UTF-8. */
export function writeName(subject: Subject): Buffer {
  const sets = subjectOids.flatMap(([part, type]) => {
    const value = subject[part];
    if (value === undefined) return [];
    const text = part === 'country' ? derPrintable(value) : derUtf8(value);
    return [derSet(derSequence(derOid(type), text))];
  });
  return derSequence(...sets);
}

/** The AlgorithmIdentifier of an RSA or ECDSA signature with SHA-256 by this key. */
export function sha256SignatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'ec'
    ? derSequence(derOid(oid.ecdsaWithSha256))
    : derSequence(derOid(oid.sha256WithRsa), derNull());
}

/** The key identifier of RFC 5280, 4.2.1.2 (1): SHA-1 of the key's bits. */
export function keyIdOf(publicKeyDer: Buffer): Buffer {
  const [, bits] = childrenOf(readWhole(publicKeyDer));
  return createHash('sha1').update(bitsOf(bits)).digest();
}

function extensions(
  content: CertificateContent,
  subject: Buffer,
  ownKeyId: Buffer,
  authorityKeyId: Buffer,
) {
  const { ca = false, keyUsage, extendedKeyUsage, subjectAltName } = content;
  const written = [
    extension(oid.subjectKeyId, false, derOctets(ownKeyId)),
    extension(oid.authorityKeyId, false, derSequence(der(0x80, authorityKeyId))),
  ];
  if (ca !== false) {
    const length = ca === true ? [] : [derInteger(ca.pathLength)];
    written.push(extension(oid.basicConstraints, true, derSequence(derBoolean(true), ...length)));
  }
  if (keyUsage !== undefined) written.push(extension(oid.keyUsage, true, usageBits(keyUsage)));
  if (extendedKeyUsage !== undefined) {
    const purposes = derSequence(...extendedKeyUsage.map(derOid));
    written.push(extension(oid.extendedKeyUsage, false, purposes));
  }
  if (subjectAltName !== undefined) {
    // Critical where it is the only name (RFC 5280, 4.2.1.6).
    const onlyName = childrenOf(readWhole(subject)).length === 0;
    written.push(extension(oid.subjectAltName, onlyName, subjectAltName));
  }
  return written;
}

/** One Extension (RFC 5280, 4.1). @param value  its DER, wrapped here */
export function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return derSequence(derOid(id), ...(critical ? [derBoolean(true)] : []), derOctets(value));
}

/** A named bit list: DER leaves out its zero bits at the end (X.690, 11.2.2). */
function usageBits(usages: readonly KeyUsage[]): Buffer {
  const bits = usages.map((usage) => keyUsages.indexOf(usage));
  if (bits.length === 0) return derBits(Buffer.alloc(0));
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return derBits(bytes, 7 - (highest & 7));
}

/** 18 octets, of which 142 bits are random: positive, never zero, within the 20 of RFC 5280. */
export function newSerial(): Buffer {
  const serial = randomBytes(18);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
