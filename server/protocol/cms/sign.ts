import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
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
} from './der-write.ts';
import { oid } from './oids.ts';
import { signerIdOf, writeSignedData } from './signed-data-write.ts';
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

function modernStyle({ body, signingTime, ...signer }: Signing): Buffer {
  const attributes =
    signingTime === undefined ? [] : [{ type: oid.signingTime, value: derTime(signingTime) }];
  return writeSignedData({ ...signer, content: body, attached: false, attributes });
}
