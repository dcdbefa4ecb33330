import type { KeyObject } from 'node:crypto';
import type { Algorithm } from './algorithm.ts';
import { childrenOf, contentOf, expectTag, octetsOf, smallIntegerOf, tag } from './ber.ts';
import type { Certificate } from './certificate.ts';
import { publicKeyOf } from './certificate.ts';
import type { ContentCipher } from './content-cipher.ts';
import {
  cipherNamed,
  contentCiphers,
  decryptCbc,
  decryptGcm,
  encryptContent,
} from './content-cipher.ts';
import { der, derInteger, derNull, derOctets, derOid, derSequence, derSet } from './der-write.ts';
import { parseEnvelopedData } from './enveloped-data.ts';
import { oid } from './oids.ts';
import { unwrapKey, wrapKey } from './rsa-transport.ts';
import { contentInfo, signerIdOf } from './signed-data-write.ts';
import { isNamedBy } from './signer.ts';

/** Whose envelopes can be opened: an RSA key and its certificate. */
export interface EnvelopeHolder {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** Why an envelope is not opened, as far as anybody may know. Which part of decrypting failed never is. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  readonly reason: 'cipher-refused' | 'unreadable';

  constructor(reason: EnvelopeError['reason']) {
    super(reason === 'unreadable' ? 'the envelope cannot be opened' : 'the cipher is not accepted');
    this.reason = reason;
  }
}

/** What was in an envelope. */
export interface Opened<Holder extends EnvelopeHolder> {
  /** Garbage if key or padding were wrong: the caller's reader refuses it like any other garbage. */
  readonly content: Buffer;
  readonly cipher: ContentCipher;
  /** For whom it was. */
  readonly holder: Holder;
}

/**
 * Opens an envelope by RSA key transport.
 * @param accepts  whether a cipher is accepted
 * @throws {BerError} it is malformed outside of what is encrypted
 * @throws {EnvelopeError}
 */
export function openEnvelope<Holder extends EnvelopeHolder>(
  bytes: Buffer,
  holders: readonly Holder[],
  accepts: (cipher: ContentCipher) => boolean,
): Opened<Holder> {
  const { recipients, cipher: algorithm, encrypted, authentication } = parseEnvelopedData(bytes);
  const cipher = cipherNamed(algorithm.oid);
  if (cipher === null || !accepts(cipher)) throw new EnvelopeError('cipher-refused');
  const facts = contentCiphers[cipher];
  if (facts.gcm !== (authentication !== null)) throw new EnvelopeError('unreadable');
  for (const recipient of recipients) {
    const holder = holders.find(({ certificate }) => isNamedBy(recipient.id, certificate));
    if (holder === undefined) continue;
    if (recipient.algorithm.oid !== oid.rsa) throw new EnvelopeError('cipher-refused');
    const key = unwrapKey(holder.key, recipient.wrappedKey, facts.key);
    const content =
      authentication === null
        ? decryptCbc(cipher, key, ivOf(algorithm), encrypted)
        : decryptGcm(cipher, key, { ...authentication, iv: nonceOf(algorithm), data: encrypted });
    if (content === null) throw new EnvelopeError('unreadable');
    return { content, cipher, holder };
  }
  throw new EnvelopeError('unreadable');
}

/** Encrypts for the holder of an RSA certificate. @returns DER of the ContentInfo @throws {BerError} its key is malformed */
export function sealEnvelope(
  content: Buffer,
  recipient: Certificate,
  cipher: ContentCipher,
): Buffer {
  const { key, iv, data, tag: mac } = encryptContent(cipher, content);
  const parameters =
    mac === null ? derOctets(iv) : derSequence(derOctets(iv), derInteger(mac.length));
  const recipientInfo = derSequence(
    derInteger(0),
    signerIdOf(recipient.der),
    derSequence(derOid(oid.rsa), derNull()),
    derOctets(wrapKey(publicKeyOf(recipient), key)),
  );
  const envelope = derSequence(
    derInteger(0),
    derSet(recipientInfo),
    derSequence(
      derOid(oid.data),
      derSequence(derOid(contentCiphers[cipher].oid), parameters),
      der(0x80, data),
    ),
    ...(mac === null ? [] : [derOctets(mac)]),
  );
  return contentInfo(mac === null ? oid.envelopedData : oid.authEnvelopedData, envelope);
}

function ivOf({ parameters }: Algorithm): Buffer {
  return contentOf(expectTag(parameters ?? undefined, tag.octetString));
}

/** GCMParameters (RFC 5084, 3.2). The length stated there must not differ from the tag's, which says it better. */
function nonceOf({ parameters }: Algorithm): Buffer {
  const [nonce, length] = childrenOf(expectTag(parameters ?? undefined, tag.sequence));
  if (length !== undefined) smallIntegerOf(length);
  return octetsOf(expectTag(nonce, tag.octetString));
}
