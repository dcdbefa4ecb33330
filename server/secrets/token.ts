import { createHash, randomBytes } from 'node:crypto';

/** What our tokens begin with, so that scanners for leaked secrets can know them. */
export const tokenPrefix = 'gmdm_';

/** A new API token: `gmdm_` and 256 random bits in base64url. Shown once, never stored. */
export function newToken(): string {
  return tokenPrefix + randomBytes(32).toString('base64url');
}

/**
 * What the database keeps of a token: its SHA-256, 32 bytes.
 * A slow, salted hash protects what people choose; nobody can try through 256 random bits, and every
 * request pays for this one.
 */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** Whether a token is long enough for `hashToken`: an operator may bring one of their own. */
export function isStrongToken(token: string): boolean {
  return /^[\x21-\x7e]{16,256}$/.test(token);
}
