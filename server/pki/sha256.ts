import { createHash } from 'node:crypto';

/** The digest that certificates are known by. */
export function sha256Of(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
