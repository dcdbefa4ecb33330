import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** A program of the system that runs until it is stopped. */
export interface Program {
  stop(): Promise<void>;
}

/** Where a program of the system is, or null: also where only root's PATH looks. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  return found ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a program.
 * @param ready what it writes to stderr when it serves
 * @throws {Error} it ended before, with all that it wrote
 */
export async function startProgram(
  command: readonly [program: string, ...words: string[]],
  environment: Readonly<Record<string, string>>,
  ready: string,
): Promise<Program> {
  const [program, ...words] = command;
  const child = spawn(program, words, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close');
  let written = '';
  const serves = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      written += text;
      if (written.includes(ready)) resolve();
    });
  });
  const failed = ended.then(() => {
    throw new Error(`${program} ended: ${written}`);
  });
  // Once it serves, its end is no error.
  failed.catch(() => {});
  await Promise.race([serves, failed]);
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
