import type { KeyObject } from 'node:crypto';
import { createHash, sign } from 'node:crypto';
import { readCertificate } from './certificate.ts';
import {
  berIndefinite,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  der,
} from './der-write.ts';
import { oid } from './oids.ts';
import { sha256SignatureAlgorithm } from './x509-write.ts';
import { tag } from './ber.ts';

/** What `signDetached` signs, and with what. */
export interface Signing {
  readonly body: Buffer;
  readonly key: KeyObject;
  /** The signer's certificate, DER. */
  readonly certificate: Buffer;
  /** Further certificates to send along, DER. */
  readonly intermediates?: readonly Buffer[];
  /**
   * `apple`: as devices sign, with SHA-1 straight over the body and indefinite lengths outside.
   * `modern`: DER, SHA-256 and signed attributes.
   */
  readonly style: 'apple' | 'modern';
  /** Modern only: the signing time to state. @default none */
  readonly signingTime?: Date;
}

/** Signs bytes as the `Mdm-Signature` header carries it (before base64): a detached CMS SignedData. */
export function signDetached(signing: Signing): Buffer {
  return signing.style === 'apple' ? appleStyle(signing) : modernStyle(signing);
}

function appleStyle({ body, key, certificate, intermediates = [] }: Signing): Buffer {
  const digest = derSequence(derOid(oid.sha1), derNull());
  const ec = key.asymmetricKeyType === 'ec';
  const algorithm = ec
    ? derSequence(derOid(oid.ecdsaWithSha1))
    : derSequence(derOid(oid.sha1WithRsa), derNull());
  const signer = derSequence(
    derInteger(1),
    signerIdOf(certificate),
    digest,
    algorithm,
    derOctets(sign('sha1', body, key)),
  );
  return berIndefinite(
    tag.sequence,
    derOid(oid.signedData),
    berIndefinite(
      0xa0,
      berIndefinite(
        tag.sequence,
        derInteger(1),
        derSet(digest),
        berIndefinite(tag.sequence, derOid(oid.data)),
        derContext(0, certificate, ...intermediates),
        derSet(signer),
      ),
    ),
  );
}

function modernStyle({ body, key, certificate, intermediates = [], signingTime }: Signing): Buffer {
  const digest = derSequence(derOid(oid.sha256));
  const attributes = derSet(
    attribute(oid.contentType, derOid(oid.data)),
    attribute(oid.messageDigest, derOctets(createHash('sha256').update(body).digest())),
    ...(signingTime === undefined ? [] : [attribute(oid.signingTime, derTime(signingTime))]),
  );
  // They are signed as a SET, and sent with the tag [0] in its place (RFC 5652, 5.4).
  const sent = Buffer.from(attributes);
  sent[0] = 0xa0;
  const signer = derSequence(
    derInteger(1),
    signerIdOf(certificate),
    digest,
    sent,
    sha256SignatureAlgorithm(key),
    derOctets(sign('sha256', attributes, key)),
  );
  const signedData = derSequence(
    derInteger(1),
    derSet(digest),
    derSequence(derOid(oid.data)),
    derContext(0, certificate, ...intermediates),
    derSet(signer),
  );
  return derSequence(derOid(oid.signedData), derContext(0, signedData));
}

function attribute(type: string, value: Buffer): Buffer {
  return derSequence(derOid(type), derSet(value));
}

function signerIdOf(certificate: Buffer): Buffer {
  const { issuerDer, serial } = readCertificate(certificate);
  return derSequence(issuerDer, der(tag.integer, serial));
}
