import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import type { Certificate } from '../cms/certificate.ts';
import { writeCertsOnly } from '../cms/certs-only.ts';
import type { ContentCipher } from '../cms/content-cipher.ts';
import { sealEnvelope } from '../cms/envelope.ts';
import { writeSignedData } from '../cms/signed-data-write.ts';
import type { FailInfo } from './attributes.ts';
import { writeScepAttributes } from './attributes.ts';

/** What came of a request. */
export type CertRepOutcome =
  | {
      readonly status: 'success';
      /** DER; what was asked for comes first. */
      readonly certificates: readonly Buffer[];
      /** For whom they are encrypted: the request's signer, with an RSA key. */
      readonly recipient: Certificate;
      /** The request's own, since a client may read no other. */
      readonly cipher: ContentCipher;
    }
  | { readonly status: 'failure'; readonly failInfo: FailInfo }
  | { readonly status: 'pending' };

/** Which request is answered. */
export interface Answered {
  readonly transactionId: string;
  readonly senderNonce: Buffer | null;
}

/**
 * Writes a CertRep (RFC 8894, 3.3.2), signed with SHA-256.
 * @param signer  the authority, or its registration authority
 * @returns DER
 */
export function writeCertRep(
  request: Answered,
  outcome: CertRepOutcome,
  signer: { readonly certificate: Certificate; readonly key: KeyObject },
): Buffer {
  const { status } = outcome;
  return writeSignedData({
    content:
      status === 'success'
        ? sealEnvelope(writeCertsOnly(outcome.certificates), outcome.recipient, outcome.cipher)
        : null,
    attached: true,
    key: signer.key,
    certificate: signer.certificate.der,
    attributes: writeScepAttributes({
      messageType: 'CertRep',
      transactionId: request.transactionId,
      senderNonce: randomBytes(16),
      recipientNonce: request.senderNonce,
      pkiStatus: status,
      failInfo: status === 'failure' ? outcome.failInfo : null,
    }),
  });
}
