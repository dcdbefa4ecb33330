import { fileOf } from './files.ts';
import type { Io } from './io.ts';

/** A secret from a file, or from the environment: never from the command line, which others can read. */
export async function secretOf(
  flag: string,
  path: string | undefined,
  variable: string,
  io: Io,
): Promise<string | undefined> {
  if (path === undefined) return io.env[variable] || undefined;
  return (await fileOf(flag, path, io)).toString('utf8').replace(/\r?\n$/, '');
}
