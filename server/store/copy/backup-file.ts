import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { StartupError } from '../../model/errors.ts';
import type { RowTexts } from './rows.ts';

// A backup is lines of JSON, compressed by gzip: a header, pages of rows table by table, and an end that
// says what they come to. A file that was cut short has no end, and one that was changed another sum.

const header = z.object({
  format: z.literal('graphmdm-backup'),
  version: z.literal(1),
  migration: z.string(),
  madeAt: z.string(),
  keyIds: z.array(z.string()),
  counts: z.record(z.string(), z.number()),
});

const page = z.object({
  table: z.string(),
  rows: z.array(z.array(z.string().nullable())),
});

const end = z.object({
  end: z.literal(true),
  tally: z.record(z.string(), z.object({ count: z.number(), sha256: z.string() })),
  positions: z.record(z.string(), z.string()),
});

export type BackupHeader = z.infer<typeof header>;
export type BackupEnd = z.infer<typeof end>;

/** Writes a backup's lines. */
export interface BackupWriter {
  header(head: Omit<BackupHeader, 'format' | 'version'>): Promise<void>;
  page(table: string, rows: readonly RowTexts[]): Promise<void>;
  /** Ends the file; it is whole and on the disk when this resolves. */
  end(last: Omit<BackupEnd, 'end'>): Promise<void>;
}

/**
 * Writes a new file that its owner only may read.
 * @throws {Error} `EEXIST`: there is a file of that name
 */
export async function writeBackup(
  path: string,
  work: (writer: BackupWriter) => Promise<void>,
): Promise<void> {
  const file: WriteStream = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  await once(file, 'open');
  const gzip = createGzip({ level: 6 });
  const written = pipeline(gzip, file);
  written.catch(() => {});
  const line = async (value: unknown): Promise<void> => {
    if (!gzip.write(`${JSON.stringify(value)}\n`)) {
      await Promise.race([once(gzip, 'drain'), written]);
    }
  };
  try {
    await work({
      header: (head) => line({ format: 'graphmdm-backup', version: 1, ...head }),
      page: (table, rows) => line({ table, rows }),
      end: (last) => line({ end: true, ...last }),
    });
    gzip.end();
  } catch (error) {
    gzip.destroy();
    throw error;
  }
  await written;
}

/** What a backup's lines hold, in their order. */
export type BackupLine =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'page'; readonly table: string; readonly rows: readonly RowTexts[] }
  | { readonly kind: 'end'; readonly end: BackupEnd };

/** @throws {StartupError} it is no backup, or was cut short or changed */
export async function* readBackup(path: string): AsyncGenerator<BackupLine> {
  const file = createReadStream(path);
  const text = file.pipe(createGunzip());
  file.once('error', (error) => text.destroy(error));
  let isWhole = false;
  try {
    let isFirst = true;
    for await (const line of createInterface({
      input: text,
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      if (isWhole) throw damaged(path);
      const read = lineOf(line, isFirst);
      if (read === null) throw isFirst ? noBackup(path) : damaged(path);
      isFirst = false;
      isWhole = read.kind === 'end';
      yield read;
    }
  } catch (error) {
    if (error instanceof StartupError) throw error;
    if (isMissing(error)) throw new StartupError(`There is no file ${path}.`);
    if (isCompression(error)) throw damaged(path);
    throw error;
  } finally {
    file.destroy();
  }
  if (!isWhole) throw damaged(path);
}

function lineOf(line: string, isFirst: boolean): BackupLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (isFirst) {
    const read = header.safeParse(value);
    return read.success ? { kind: 'header', header: read.data } : null;
  }
  const rows = page.safeParse(value);
  if (rows.success) return { kind: 'page', ...rows.data };
  const last = end.safeParse(value);
  return last.success ? { kind: 'end', end: last.data } : null;
}

function noBackup(path: string): StartupError {
  return new StartupError(`${path} is no backup that this version of graphmdm can read.`);
}

function damaged(path: string): StartupError {
  return new StartupError(`${path} was cut short or changed; nothing was restored.`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function isCompression(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ERR_ZLIB)/.test(String(error.code));
}
