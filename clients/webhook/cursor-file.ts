import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

/** Where the bridge remembers how far it is. */
export interface CursorFile {
  /** Null: it has never been anywhere. */
  read(): string | null;
  /** Replaces the file at once and for good: a kill leaves the old one or the new one. */
  write(cursor: string): void;
}

/** @throws when the folder cannot be read */
export function cursorFile(path: string): CursorFile {
  return {
    read() {
      try {
        return readFileSync(path, 'utf8').trim() || null;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
        throw error;
      }
    },
    write(cursor) {
      const beside = `${path}.new`;
      writeDurably(beside, 'w', `${cursor}\n`);
      renameSync(beside, path);
    },
  };
}

/** Writes text to a file that only its owner reads, and waits until it is on the disk. */
export function writeDurably(path: string, how: 'w' | 'a', text: string): void {
  const file = openSync(path, how, 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
