import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartupError } from '../model/errors.ts';
import { keyBytes } from './keyring.ts';

/**
 * Reads a key as operators write it: 32 bytes in base64, base64url or hex, on one line.
 * @returns the bytes, or null when the text is no such key
 */
export function parseKey(text: string): Buffer | null {
  const line = text.trim();
  if (/^[\da-f]{64}$/i.test(line)) return Buffer.from(line, 'hex');
  if (!/^[\w+/-]{43}=?$/.test(line)) return null;
  const key = Buffer.from(line, 'base64');
  return key.length === keyBytes ? key : null;
}

/**
 * Reads a key file.
 * @returns the key, or null when there is no such file or it is empty (cut short while it was made)
 * @throws {StartupError} it cannot be read or holds no key
 */
export function readKeyFile(file: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw new StartupError(
      `The key file ${file} cannot be read: ${reason(error)}. Mend that, or give --secret-key-file.`,
    );
  }
  if (text.trim() === '') return null;
  const key = parseKey(text);
  if (!key) throw new StartupError(`${file} holds no key: 32 bytes in base64 or hex, on one line.`);
  return key;
}

/**
 * Makes a new key and keeps it in `file`, readable by its owner only and safe on the disk before this
 * returns: what is sealed by a key that was lost is lost too.
 * @throws {StartupError} the file is there already, or cannot be written
 */
export function createKeyFile(file: string): Buffer {
  const key = randomBytes(keyBytes);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeDurably(file, `${key.toString('base64')}\n`);
  } catch (error) {
    throw new StartupError(
      `The key file ${file} cannot be made: ${reason(error)}. ` +
        'Give --data-dir a folder that can be written, or a key with --secret-key-file.',
    );
  }
  return key;
}

function writeDurably(file: string, text: string): void {
  // An empty file is what a crash between open and write leaves behind; nothing was sealed with it.
  const flags = isEmptyFile(file) ? 'w' : 'wx';
  const handle = openSync(file, flags, 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  const folder = openSync(dirname(file), 'r');
  try {
    // The name must survive a power cut as well as the content (fsync(2)); Windows can't sync folders.
    if (process.platform !== 'win32') fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function isEmptyFile(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() === '';
  } catch {
    return false;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
