import type { KeyObject } from 'node:crypto';
import { keyIsUsable } from '../protocol/cms/algorithm.ts';
import { BerError } from '../protocol/cms/ber.ts';
import { publicKeyOf } from '../protocol/cms/certificate.ts';
import type { CertificateRequest } from '../protocol/cms/certificate-request.ts';
import {
  readCertificateRequest,
  requestedKey,
  requestSignatureHolds,
} from '../protocol/cms/certificate-request.ts';
import type { Opened } from '../protocol/cms/envelope.ts';
import { EnvelopeError, openEnvelope } from '../protocol/cms/envelope.ts';
import type { FailInfo } from '../protocol/scep/attributes.ts';
import type { PkiMessage } from '../protocol/scep/pki-message.ts';
import { pkiMessageVerdict } from '../protocol/scep/pki-message.ts';
import type { SignatureVerdict } from '../protocol/cms/verify.ts';
import type { KeyHolder } from './authority.ts';
import { ScepRefused } from './scep-refused.ts';
import type { ScepPolicy } from './scep-types.ts';

const failures: Readonly<Record<Exclude<SignatureVerdict, 'holds'>, FailInfo>> = {
  'signature-mismatch': 'badMessageCheck',
  'bad-attributes': 'badMessageCheck',
  'digest-refused': 'badAlg',
  'sha1-refused': 'badAlg',
  'algorithm-refused': 'badAlg',
  'bad-signing-time': 'badTime',
};

/**
 * Checks who signed a message. The answer is encrypted for that key, so it must be RSA.
 * @returns the signer's key
 * @throws {ScepRefused}
 */
export function checkSigner(message: PkiMessage, policy: ScepPolicy): KeyObject {
  const key = signerKey(message);
  if (key.asymmetricKeyType !== 'rsa' || !keyIsUsable(key)) {
    throw new ScepRefused('badAlg', "the signer's key is not RSA of an accepted size");
  }
  const verdict = pkiMessageVerdict(message, { refuseSha1: policy.refuseSha1 ?? false });
  if (verdict !== 'holds') throw new ScepRefused(failures[verdict], verdict);
  return key;
}

function signerKey({ signer }: PkiMessage): KeyObject {
  try {
    return publicKeyOf(signer);
  } catch (error) {
    if (error instanceof BerError) throw new ScepRefused('badAlg', error.message);
    throw error;
  }
}

/** Opens a message's envelope. @throws {ScepRefused} */
export function openMessage<Holder extends KeyHolder>(
  { envelope }: PkiMessage,
  holders: readonly Holder[],
  policy: ScepPolicy,
): Opened<Holder> {
  if (envelope === null) throw unreadable();
  const accepts = (cipher: string) => cipher !== 'des-cbc' || policy.refuseSingleDes !== true;
  try {
    return openEnvelope(envelope, holders, accepts);
  } catch (error) {
    if (error instanceof EnvelopeError && error.reason === 'cipher-refused') {
      throw new ScepRefused('badAlg', error.message);
    }
    if (error instanceof EnvelopeError || error instanceof BerError) throw unreadable();
    throw error;
  }
}

/** Reads what was in an envelope. @throws {ScepRefused} */
export function readOpened<T>(content: Buffer, read: (content: Buffer) => T): T {
  try {
    return read(content);
  } catch (error) {
    if (error instanceof BerError) throw unreadable();
    throw error;
  }
}

/** Reads a certification request, signed with its own key. @throws {ScepRefused} */
export function readSignedRequest(
  content: Buffer,
  policy: ScepPolicy,
): { readonly request: CertificateRequest; readonly publicKey: KeyObject } {
  return readOpened(content, (bytes) => {
    const request = readCertificateRequest(bytes);
    const accepts = (digest: string) => digest !== 'sha1' || policy.refuseSha1 !== true;
    if (!requestSignatureHolds(request, accepts)) throw unreadable();
    return { request, publicKey: requestedKey(request) };
  });
}

/**
 * One answer for all that can be wrong up to the request's own signature: the key's padding, the
 * content's padding, what it decrypts to. Any difference here would decrypt captured messages, and
 * with them challenges, for who sends altered copies: only a valid signature shows that the content
 * is whole.
 */
function unreadable(): ScepRefused {
  return new ScepRefused('badMessageCheck', 'the envelope or the request in it is not readable');
}
