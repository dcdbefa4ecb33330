import { randomBytes } from 'node:crypto';
import { sha256Of } from '../../pki/sha256.ts';

/** How many bytes of the values' hash a challenge carries. */
const referenceBytes = 8;
const letters = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * A new challenge: 32 letters and digits, 160 random bits (RFC 4648's base32 in lower case). It fits a
 * PrintableString, and a URL as it is.
 */
export function newChallenge(): string {
  let bits = BigInt(`0x${randomBytes(20).toString('hex')}`);
  let text = '';
  for (let at = 0; at < 32; at += 1) {
    text += letters[Number(bits & 31n)];
    bits >>= 5n;
  }
  return text;
}

/** What the database keeps of a challenge. Nobody can try through its bits, so no slow hash is needed. */
export function hashChallenge(challenge: string): Buffer {
  return sha256Of(Buffer.from(challenge, 'utf8'));
}

/**
 * A challenge as a profile has it: with a reference to the fixed values of that profile, so that they
 * are known of the enrolment that the profile leads to.
 */
export function challengeWithValues(challenge: string, valuesSha256: Buffer): string {
  return `${challenge}.${valuesSha256.toString('hex', 0, referenceBytes)}`;
}

/** Takes the two apart; null when the text has no reference. */
export function splitChallenge(
  text: string,
): { readonly challenge: string; readonly reference: Buffer } | null {
  const match = /^(.+)\.([\da-f]{16})$/s.exec(text);
  const [, challenge = '', reference = ''] = match ?? [];
  return match === null ? null : { challenge, reference: Buffer.from(reference, 'hex') };
}
