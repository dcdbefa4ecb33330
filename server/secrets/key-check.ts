import { type Keyring, SealError, type SealPlace } from './keyring.ts';

const known = 'graphmdm';

const place = (keyId: string): SealPlace => ({
  table: 'keyring_check',
  column: 'check_value',
  row: keyId,
});

/** A value that the database keeps for the sealing key, so that a wrong key shows before it is used. */
export function makeCheckValue(keyring: Keyring): Buffer {
  return keyring.seal(place(keyring.keyId), Buffer.from(known));
}

/** Whether one of the keyring's keys is the one that made the check value recorded for `keyId`. */
export function opensCheckValue(keyring: Keyring, keyId: string, checkValue: Uint8Array): boolean {
  try {
    return keyring.open(place(keyId), checkValue).toString() === known;
  } catch (error) {
    if (error instanceof SealError) return false;
    throw error;
  }
}
