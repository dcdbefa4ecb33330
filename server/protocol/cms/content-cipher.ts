import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** How the content of an envelope is encrypted. `des-cbc` is single DES: broken, and still spoken. */
export type ContentCipher =
  | 'des-cbc'
  | 'des-ede3-cbc'
  | 'aes-128-cbc'
  | 'aes-192-cbc'
  | 'aes-256-cbc'
  | 'aes-128-gcm'
  | 'aes-192-gcm'
  | 'aes-256-gcm';

export interface CipherFacts {
  readonly oid: string;
  /** Octets of key, IV or nonce, and block. */
  readonly key: number;
  readonly iv: number;
  readonly block: number;
  readonly gcm: boolean;
}

const aes = '2.16.840.1.101.3.4.1.';
const cbc = (oid: string, key: number, block: number): CipherFacts => ({
  oid,
  key,
  iv: block,
  block,
  gcm: false,
});
const gcm = (oid: string, key: number): CipherFacts => ({ oid, key, iv: 12, block: 1, gcm: true });

/** RFC 3370, RFC 3565, RFC 5084; single DES from OIW. */
export const contentCiphers: Readonly<Record<ContentCipher, CipherFacts>> = {
  'des-cbc': cbc('1.3.14.3.2.7', 8, 8),
  'des-ede3-cbc': cbc('1.2.840.113549.3.7', 24, 8),
  'aes-128-cbc': cbc(`${aes}2`, 16, 16),
  'aes-192-cbc': cbc(`${aes}22`, 24, 16),
  'aes-256-cbc': cbc(`${aes}42`, 32, 16),
  'aes-128-gcm': gcm(`${aes}6`, 16),
  'aes-192-gcm': gcm(`${aes}26`, 24),
  'aes-256-gcm': gcm(`${aes}46`, 32),
};

const names = Object.keys(contentCiphers) as readonly ContentCipher[];

/** The cipher of that object identifier, or null if it is none that is spoken. */
export function cipherNamed(oid: string): ContentCipher | null {
  return names.find((name) => contentCiphers[name].oid === oid) ?? null;
}

/** Encrypts with a new key. `tag` is empty unless the cipher is a GCM. */
export function encryptContent(cipher: ContentCipher, content: Buffer) {
  const facts = contentCiphers[cipher];
  const key = randomBytes(facts.key);
  const iv = randomBytes(facts.iv);
  if (!facts.gcm) {
    const engine = createCipheriv(...engineOf(cipher, key), iv);
    return { key, iv, data: Buffer.concat([engine.update(content), engine.final()]), tag: null };
  }
  const engine = createCipheriv(gcmOf(cipher), key, iv, { authTagLength: 16 });
  const data = Buffer.concat([engine.update(content), engine.final()]);
  return { key, iv, data, tag: engine.getAuthTag() };
}

/**
 * Decrypts in CBC and takes the padding off. Where the padding is wrong it stays: what reads the
 * content then fails as it does for any other garbage, so that nobody learns which it was.
 * @returns null if the lengths, which anybody can see, are wrong
 */
export function decryptCbc(
  cipher: ContentCipher,
  key: Buffer,
  iv: Buffer,
  data: Buffer,
): Buffer | null {
  const { block } = contentCiphers[cipher];
  if (iv.length !== block || data.length === 0 || data.length % block !== 0) return null;
  const engine = createDecipheriv(...engineOf(cipher, key), iv);
  engine.setAutoPadding(false);
  const padded = Buffer.concat([engine.update(data), engine.final()]);
  return padded.subarray(0, padded.length - paddingOf(padded, block));
}

/** Decrypts in GCM. @returns null if it does not verify, or the lengths are wrong */
export function decryptGcm(
  cipher: ContentCipher,
  key: Buffer,
  sealed: {
    readonly iv: Buffer;
    readonly data: Buffer;
    readonly tag: Buffer;
    readonly aad: Buffer;
  },
): Buffer | null {
  const { iv, data, tag, aad } = sealed;
  if (iv.length < 8 || iv.length > 64 || tag.length < 12 || tag.length > 16) return null;
  const engine = createDecipheriv(gcmOf(cipher), key, iv, { authTagLength: tag.length });
  engine.setAAD(aad);
  engine.setAuthTag(tag);
  try {
    return Buffer.concat([engine.update(data), engine.final()]);
  } catch {
    return null;
  }
}

/** Octets of padding (RFC 5652, 6.3), 0 if it is wrong; looks at the same octets either way. */
function paddingOf(padded: Buffer, block: number): number {
  const count = padded.at(-1) ?? 0;
  let wrong = Number(count === 0) | Number(count > block);
  for (let at = 1; at <= block; at += 1) {
    wrong |= Number(at <= count) & Number(padded.at(-at) !== count);
  }
  return count * (1 - wrong);
}

/** Node has no single DES; three times the same key in triple DES is the same bytes. */
function engineOf(cipher: ContentCipher, key: Buffer): [string, Buffer] {
  return cipher === 'des-cbc' ? ['des-ede3-cbc', Buffer.concat([key, key, key])] : [cipher, key];
}

function gcmOf(cipher: ContentCipher): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (cipher === 'aes-128-gcm' || cipher === 'aes-192-gcm') return cipher;
  return 'aes-256-gcm';
}
