import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a key as NanoMDM's filekv storage has it; `seconds`: its file's time, after some moment. */
export function writeKey(
  root: string,
  folder: string,
  key: string,
  value: string | Uint8Array,
  seconds?: number,
): void {
  const name = key.replace(/^com\.apple\.mgmt\.External\./, '');
  const path = join(root, folder, name.slice(0, 2), name.slice(2, 4));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, key), value);
  if (seconds !== undefined) utimesSync(join(path, key), seconds, seconds);
}
