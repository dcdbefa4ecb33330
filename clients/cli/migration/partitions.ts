import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

/** So many that one of them fits memory, however many enrolments there are. */
const parts = 64;

/** Rows spread over files by their key, so that two sets of millions are compared a small part at a time. */
export interface Partitions<T> {
  add(key: string, row: T): Promise<void>;
  /** No more rows come. */
  close(): Promise<void>;
  /** The rows of one part. */
  part(number: number): AsyncGenerator<readonly [key: string, row: T]>;
}

export interface Scratch {
  readonly parts: number;
  partitions<T>(name: string): Partitions<T>;
  remove(): Promise<void>;
}

/** A folder of its own, for its owner alone. */
export async function openScratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'graphmdm-verify-'));
  return {
    parts,
    partitions: <T>(name: string) => partitions<T>(join(folder, name)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function partitions<T>(base: string): Partitions<T> {
  const path = (number: number) => `${base}.${number}`;
  const files: WriteStream[] = Array.from({ length: parts }, (_, number) =>
    createWriteStream(path(number), { mode: 0o600 }),
  );
  return {
    async add(key, row) {
      const file = files[createHash('md5').update(key).digest().readUInt8(0) % parts];
      if (file && !file.write(`${JSON.stringify([key, row])}\n`)) await once(file, 'drain');
    },
    async close() {
      await Promise.all(
        files.map(async (file) => {
          file.end();
          await once(file, 'close');
        }),
      );
    },
    async *part(number) {
      const input = createReadStream(path(number));
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        // Written above.
        yield JSON.parse(line) as [string, T];
      }
    },
  };
}
