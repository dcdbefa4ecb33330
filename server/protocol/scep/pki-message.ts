import { readAttributes } from '../cms/attributes.ts';
import { BerError } from '../cms/ber.ts';
import type { Certificate } from '../cms/certificate.ts';
import { publicKeyOf } from '../cms/certificate.ts';
import type { SignedData } from '../cms/signed-data.ts';
import { parseSignedData } from '../cms/signed-data.ts';
import { signerCertificate } from '../cms/signer.ts';
import type { SignatureVerdict } from '../cms/verify.ts';
import { verifyDetached } from '../cms/verify.ts';
import type { ScepAttributes } from './attributes.ts';
import { readScepAttributes } from './attributes.ts';

/** A SCEP message (RFC 8894, 3.2), request or reply: signed attributes around an envelope. */
export interface PkiMessage extends ScepAttributes {
  /** The pkcsPKIEnvelope, still encrypted; null in failures and while pending. */
  readonly envelope: Buffer | null;
  /** Certificate of who signed: self-signed, or the one to be renewed, or the authority's. */
  readonly signer: Certificate;
  /** DER of all certificates inside. */
  readonly certificates: readonly Buffer[];
  readonly signed: SignedData;
}

/** Reads a message without checking who signed it. @throws {BerError} */
export function readPkiMessage(bytes: Buffer): PkiMessage {
  const signed = parseSignedData(bytes);
  if (signed.signedAttributes === null) throw new BerError('the message has no attributes');
  return {
    ...readScepAttributes(readAttributes(signed.signedAttributes)),
    envelope: signed.content === null || signed.content.length === 0 ? null : signed.content,
    signer: signerCertificate(signed),
    certificates: signed.certificates,
    signed,
  };
}

/** Whether the message was signed with its signer's key. @throws {BerError} that key is malformed */
export function pkiMessageVerdict(
  { signed, signer }: PkiMessage,
  options: { readonly refuseSha1?: boolean } = {},
): SignatureVerdict {
  const { notBefore, notAfter } = signer;
  const key = { publicKey: publicKeyOf(signer), notBefore, notAfter };
  return verifyDetached(signed, signed.content ?? Buffer.alloc(0), key, options);
}
