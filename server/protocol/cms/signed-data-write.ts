import type { KeyObject } from 'node:crypto';
import { createHash, sign } from 'node:crypto';
import type { Attribute } from './attributes.ts';
import { writeAttribute } from './attributes.ts';
import { tag } from './ber.ts';
import { readCertificate } from './certificate.ts';
import {
  der,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSet,
} from './der-write.ts';
import { oid } from './oids.ts';

/** What a SignedData is made of. */
export interface SignedDataContent {
  /** What is signed; null for nothing at all, as in replies that carry only attributes. */
  readonly content: Buffer | null;
  /** Whether the content stands inside. */
  readonly attached: boolean;
  readonly key: KeyObject;
  /** The signer's certificate, DER. */
  readonly certificate: Buffer;
  /** Further certificates to send along, DER. */
  readonly intermediates?: readonly Buffer[];
  /** Signed along with the content, beside its type and digest. */
  readonly attributes?: readonly Attribute[];
  /** @default 'sha256' */
  readonly digest?: 'sha1' | 'sha256' | 'sha512';
}

/** Writes a SignedData (RFC 5652, 5) with one signer and signed attributes. @returns DER of its ContentInfo */
export function writeSignedData(signing: SignedDataContent): Buffer {
  const { key, certificate, intermediates = [], attributes = [], digest = 'sha256' } = signing;
  const content = signing.content ?? Buffer.alloc(0);
  const digestAlgorithm = derSequence(derOid(oid[digest]), derNull());
  const set = derSet(
    ...[
      { type: oid.contentType, value: derOid(oid.data) },
      { type: oid.messageDigest, value: derOctets(createHash(digest).update(content).digest()) },
      ...attributes,
    ].map(writeAttribute),
  );
  // They are signed as a SET, and sent with the tag [0] in its place (RFC 5652, 5.4).
  const sent = Buffer.from(set);
  sent[0] = 0xa0;
  const signer = derSequence(
    derInteger(1),
    signerIdOf(certificate),
    digestAlgorithm,
    sent,
    signatureAlgorithm(key, digest),
    derOctets(sign(digest, set, key)),
  );
  const attached = signing.attached && signing.content !== null;
  return contentInfo(
    oid.signedData,
    derSequence(
      derInteger(1),
      derSet(digestAlgorithm),
      derSequence(derOid(oid.data), ...(attached ? [derContext(0, derOctets(content))] : [])),
      derContext(0, certificate, ...intermediates),
      derSet(signer),
    ),
  );
}

/** A ContentInfo (RFC 5652, 3). @returns DER */
export function contentInfo(type: string, content: Buffer): Buffer {
  return derSequence(derOid(type), derContext(0, content));
}

/** How a CMS names a signer or a recipient: its certificate's issuer and serial. @throws {BerError} */
export function signerIdOf(certificate: Buffer): Buffer {
  const { issuerDer, serial } = readCertificate(certificate);
  return derSequence(issuerDer, der(tag.integer, serial));
}

const ecdsaWith = {
  sha1: oid.ecdsaWithSha1,
  sha256: oid.ecdsaWithSha256,
  sha512: '1.2.840.10045.4.3.4',
} as const;

/** For RSA the key's type alone: the one name that every CMS reader must know (RFC 3370, 3.2). */
function signatureAlgorithm(key: KeyObject, digest: keyof typeof ecdsaWith): Buffer {
  return key.asymmetricKeyType === 'ec'
    ? derSequence(derOid(ecdsaWith[digest]))
    : derSequence(derOid(oid.rsa), derNull());
}
