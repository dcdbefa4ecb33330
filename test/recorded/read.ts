import { readFileSync } from 'node:fs';

/** The bytes of a recorded file, by its name in this folder. */
export function recorded(name: string): Buffer {
  return readFileSync(new URL(name, import.meta.url));
}
