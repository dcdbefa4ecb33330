import { createHash } from 'node:crypto';

/** A namespace of our own, so that nobody else derives the same ids. */
const namespace = Buffer.from('6f0c1b5e8e5d4a6c9a37b1f0d2c4e781', 'hex');

/** An id that is always the same for the same parts (RFC 9562, 5.5), upper case as Apple writes them. */
export function uuid5(...parts: readonly string[]): string {
  // JSON keeps ["a", "bc"] and ["ab", "c"] apart.
  const hash = createHash('sha1').update(namespace).update(JSON.stringify(parts)).digest();
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex').toUpperCase();
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
