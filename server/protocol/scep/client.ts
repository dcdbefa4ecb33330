import type { KeyObject } from 'node:crypto';
import { BerError } from '../cms/ber.ts';
import type { Certificate } from '../cms/certificate.ts';
import { readCertsOnly } from '../cms/certs-only.ts';
import type { ContentCipher } from '../cms/content-cipher.ts';
import { openEnvelope, sealEnvelope } from '../cms/envelope.ts';
import { writeSignedData } from '../cms/signed-data-write.ts';
import type { FailInfo, MessageType } from './attributes.ts';
import { writeScepAttributes } from './attributes.ts';
import { pkiMessageVerdict, readPkiMessage } from './pki-message.ts';

/** A request to be written. */
export interface PkiRequest {
  readonly messageType: Exclude<MessageType, 'CertRep'>;
  readonly transactionId: string;
  readonly senderNonce: Buffer | null;
  /** What is encrypted: a PKCS #10 request, or the names that a poll asks about. */
  readonly content: Buffer;
  /** The authority's certificate, or its registration authority's; RSA. */
  readonly recipient: Certificate;
  /** @default 'aes-256-cbc' */
  readonly cipher?: ContentCipher;
  /** Of the requester: RSA, and its certificate, self-signed or the one to be renewed. */
  readonly key: KeyObject;
  readonly certificate: Certificate;
  /** @default 'sha256' */
  readonly digest?: 'sha1' | 'sha256' | 'sha512';
}

/** Writes a PKIOperation request as a device does. @returns DER */
export function writePkiRequest(request: PkiRequest): Buffer {
  const { messageType, transactionId, senderNonce, key, certificate, digest } = request;
  return writeSignedData({
    content: sealEnvelope(request.content, request.recipient, request.cipher ?? 'aes-256-cbc'),
    attached: true,
    key,
    certificate: certificate.der,
    ...(digest && { digest }),
    attributes: writeScepAttributes({
      messageType,
      transactionId,
      senderNonce,
      recipientNonce: null,
      pkiStatus: null,
      failInfo: null,
    }),
  });
}

/** A reply as its requester understands it. */
export type CertRep =
  | {
      readonly status: 'success';
      readonly certificates: readonly Buffer[];
      /** How the reply's content was encrypted. */
      readonly cipher: ContentCipher;
    }
  | { readonly status: 'failure'; readonly failInfo: FailInfo | null }
  | { readonly status: 'pending' };

/**
 * Reads the reply to a request.
 * @param authorities  certificates of the authority, one of which must have signed
 * @throws {BerError} it is malformed, not signed by the authority, or not the reply to this request
 * @throws {EnvelopeError} it is not encrypted for the requester
 */
export function readCertRep(
  bytes: Buffer,
  request: Omit<PkiRequest, 'content' | 'recipient' | 'messageType'>,
  authorities: readonly Certificate[],
): CertRep {
  const message = readPkiMessage(bytes);
  const { messageType, transactionId, recipientNonce, pkiStatus, envelope, signer } = message;
  if (!authorities.some(({ der }) => der.equals(signer.der))) {
    throw new BerError('the reply is signed by somebody else');
  }
  if (pkiMessageVerdict(message) !== 'holds') throw new BerError('the signature does not hold');
  if (messageType !== 'CertRep' || transactionId !== request.transactionId) {
    throw new BerError('the reply belongs to another request');
  }
  if (request.senderNonce !== null && recipientNonce?.equals(request.senderNonce) !== true) {
    throw new BerError('the reply does not repeat the nonce');
  }
  if (pkiStatus === 'failure') return { status: 'failure', failInfo: message.failInfo };
  if (pkiStatus === 'pending') return { status: 'pending' };
  if (pkiStatus !== 'success' || envelope === null) throw new BerError('the reply says nothing');
  const { content, cipher } = openEnvelope(envelope, [request], () => true);
  return { status: 'success', certificates: readCertsOnly(content), cipher };
}
