import { readFile } from 'node:fs/promises';
import { usage } from './failure.ts';
import type { Io } from './io.ts';

/**
 * Reads a file that a flag names; `-` is stdin.
 * @throws {Failure} it cannot be read
 */
export async function fileOf(flag: string, path: string | undefined, io: Io): Promise<Buffer> {
  if (path === undefined) throw usage(`--${flag} is missing: a file, or - for stdin.`);
  if (path === '-') return await io.stdin.bytes();
  try {
    return await readFile(path);
  } catch (error) {
    const code = String(Object(error).code ?? error);
    throw usage(`--${flag}: ${path} cannot be read (${code}).`);
  }
}
