import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { randomPiece } from '../model/random.ts';

/**
 * Where a sealed value lives. It opens only there: a value copied to another row or column is refused
 * like a forged one.
 */
export interface SealPlace {
  readonly table: string;
  readonly column: string;
  /** The row's own key as text. */
  readonly row: string;
}

/** Why a sealed value did not open. The message never carries key or value. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly reason: 'unknown-key' | 'damaged';

  constructor(reason: SealError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Seals and opens secrets at rest. The first key seals, all of them open. */
export interface Keyring {
  /** Id of the key that seals, 8 hex digits. Not secret. */
  readonly keyId: string;
  /** Ids of all keys, the sealing one first. */
  readonly keyIds: readonly string[];
  seal(place: SealPlace, plain: Uint8Array): Buffer;
  /** `seal`, in pieces that come to the same: joining them is one copy more of something long. */
  sealInPieces(place: SealPlace, plain: Uint8Array): readonly Buffer[];
  /** @throws {SealError} the key is not among ours, or value or place were changed */
  open(place: SealPlace, sealed: Uint8Array): Buffer;
  /**
   * What tells equal contents without telling what they are: a plain hash of something short, such as a
   * command with a PIN in it, could be guessed. Equal contents have equal fingerprints as long as the
   * sealing key stays the same.
   * @param content  in pieces, of which only what they come to together counts
   */
  fingerprint(...content: readonly Uint8Array[]): Buffer;
  /** Whether a fingerprint, by any of our keys, is that of this content. */
  isFingerprintOf(fingerprint: Uint8Array, content: Uint8Array): boolean;
  /** Whether the value was sealed by another key than the one that seals now. */
  needsReseal(sealed: Uint8Array): boolean;
}

interface Key {
  readonly id: Buffer;
  readonly secret: Buffer;
}

const version = 1;
const idBytes = 4;
const nonceBytes = 24;
const tagBytes = 16;
const headBytes = 1 + idBytes + nonceBytes;

/** How long a key is, in bytes: AES-256. */
export const keyBytes = 32;

/** How many bytes a sealed value is longer than what is inside. */
export const sealOverhead = headBytes + tagBytes;

/**
 * A keyring of 32-byte keys. A sealed value is: version (1), key id (4), nonce (24), ciphertext, tag (16).
 *
 * Results of commands are sealed too, so one key may seal hundreds of millions of values, while
 * AES-GCM with random 96-bit nonces must stop at 2^32 of them (NIST SP 800-38D, §8.3). So the nonce has
 * 192 random bits: the first half derives a key for this value alone, by one HMAC, and the second half
 * is its GCM nonce. Only when both halves repeat is anything lost: no fleet gets near.
 * @throws {RangeError} no key, a key of another length, or two keys with one id
 */
export function createKeyring(secrets: readonly Uint8Array[]): Keyring {
  const keys = new Map<string, Key>();
  for (const bytes of secrets) {
    if (bytes.length !== keyBytes) throw new RangeError(`A key has ${keyBytes} bytes.`);
    const secret = Buffer.from(bytes);
    const id = createHmac('sha256', secret).update('graphmdm/key-id/1').digest();
    const key = { id: id.subarray(0, idBytes), secret };
    const known = keys.get(key.id.toString('hex'));
    if (known && !known.secret.equals(secret)) {
      throw new RangeError('Two of the keys have the same id; replace one of them.');
    }
    if (!known) keys.set(key.id.toString('hex'), key);
  }
  const [sealing] = keys.values();
  if (!sealing) throw new RangeError('A keyring needs at least one key.');

  return {
    keyId: sealing.id.toString('hex'),
    keyIds: [...keys.keys()],
    seal: (place, plain) => Buffer.concat(sealBy(sealing, place, plain)),
    sealInPieces: (place, plain) => sealBy(sealing, place, plain),
    open(place, bytes) {
      const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const key = keys.get(readKeyId(sealed));
      if (!key) {
        throw new SealError(
          'unknown-key',
          `Sealed by key ${readKeyId(sealed)}, which is not among --secret-key-file.`,
        );
      }
      const nonce = sealed.subarray(1 + idBytes, headBytes);
      const decipher = createDecipheriv('aes-256-gcm', derive(key, nonce), gcmNonce(nonce));
      decipher.setAAD(associated(sealed.subarray(0, headBytes), place));
      decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
      try {
        const text = decipher.update(sealed.subarray(headBytes, sealed.length - tagBytes));
        return Buffer.concat([text, decipher.final()]);
      } catch {
        throw new SealError('damaged', `A sealed ${place.table}.${place.column} does not open.`);
      }
    },
    fingerprint: (...content) => fingerprintBy(sealing, content),
    isFingerprintOf(fingerprint, content) {
      const given = Buffer.from(fingerprint);
      const key = keys.get(given.subarray(0, idBytes).toString('hex'));
      return key !== undefined && fingerprintBy(key, [content]).equals(given);
    },
    needsReseal: (sealed) => readKeyId(Buffer.from(sealed)) !== sealing.id.toString('hex'),
  };
}

function sealBy(key: Key, place: SealPlace, plain: Uint8Array): readonly Buffer[] {
  const nonce = randomPiece(nonceBytes);
  const head = Buffer.concat([Buffer.of(version), key.id, nonce]);
  const cipher = createCipheriv('aes-256-gcm', derive(key, nonce), gcmNonce(nonce));
  cipher.setAAD(associated(head, place));
  return [head, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
}

function readKeyId(sealed: Buffer): string {
  if (sealed.length < sealOverhead || sealed[0] !== version) {
    throw new SealError('damaged', 'Not a sealed value.');
  }
  return sealed.toString('hex', 1, 1 + idBytes);
}

function derive(key: Key, nonce: Buffer): Buffer {
  return createHmac('sha256', key.secret)
    .update('graphmdm/seal/1')
    .update(nonce.subarray(0, nonceBytes / 2))
    .digest();
}

function gcmNonce(nonce: Buffer): Buffer {
  return nonce.subarray(nonceBytes / 2);
}

function associated(head: Buffer, place: SealPlace): Buffer {
  // JSON keeps the three names apart whatever characters they hold.
  return Buffer.concat([head, Buffer.from(JSON.stringify([place.table, place.column, place.row]))]);
}

function fingerprintBy(key: Key, content: readonly Uint8Array[]): Buffer {
  const digest = createHmac('sha256', key.secret).update('graphmdm/fingerprint/1');
  for (const piece of content) digest.update(piece);
  return Buffer.concat([key.id, digest.digest()]);
}
