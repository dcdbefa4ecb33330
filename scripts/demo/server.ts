import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server that runs as a process of its own. */
export interface DemoServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the very server that `npm start` runs, and waits until it says where it listens.
 * @param flags as on its command line
 */
export async function startServer(flags: readonly string[]): Promise<DemoServer> {
  const main = fileURLToPath(new URL('../../server/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: string[] = [];
  child.stderr.on('data', (text: Buffer) => errors.push(text.toString()));
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line').then(([line]) => String(line));
  const ended = once(child, 'exit').then(() => null);
  const line = await Promise.race([first, ended]);
  if (line === null) throw new Error(`The server did not start:\n${errors.join('')}`);
  const { url }: { url?: unknown } = JSON.parse(line);
  return { url: String(url), stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
