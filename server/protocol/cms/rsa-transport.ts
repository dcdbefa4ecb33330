import type { KeyObject } from 'node:crypto';
import { constants, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';

/** Encrypts a content key for a recipient: RSA, PKCS #1 v1.5, as CMS key transport has it (RFC 3370, 4.2.1). */
export function wrapKey(recipient: KeyObject, contentKey: Buffer): Buffer {
  return publicEncrypt({ key: recipient, padding: constants.RSA_PKCS1_PADDING }, contentKey);
}

/**
 * Decrypts a content key of known length. Where the padding is not right the answer is a random key
 * of that length, and nothing tells the difference (RFC 3218, 2.3): a server that does tell decrypts
 * for everybody (Bleichenbacher).
 */
export function unwrapKey(recipient: KeyObject, wrapped: Buffer, length: number): Buffer {
  const random = randomBytes(length);
  const block = decryptBlock(recipient, wrapped);
  // 00 02, at least eight octets that are not zero, 00, and the key: so its length fixes all places.
  const separator = block.length - length - 1;
  if (separator < 10) return random;
  let wrong = block.readUInt8(0) | (block.readUInt8(1) ^ 2) | block.readUInt8(separator);
  for (let at = 2; at < separator; at += 1) wrong |= isZero(block.readUInt8(at));
  const useRandom = isZero(wrong) - 1;
  const key = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) {
    const found = block.readUInt8(separator + 1 + at);
    key.writeUInt8(((random.readUInt8(at) & useRandom) | (found & ~useRandom)) & 0xff, at);
  }
  return key;
}

/** 1 for zero and 0 for any other octet, without a branch. */
function isZero(octet: number): number {
  return ((octet - 1) >>> 31) & 1;
}

function decryptBlock(recipient: KeyObject, wrapped: Buffer): Buffer {
  try {
    return privateDecrypt({ key: recipient, padding: constants.RSA_NO_PADDING }, wrapped);
  } catch {
    // Only for a number that is too large or too long, which its sender knows anyway.
    const bits = recipient.asymmetricKeyDetails?.modulusLength ?? 2048;
    return Buffer.alloc(Math.ceil(bits / 8));
  }
}
