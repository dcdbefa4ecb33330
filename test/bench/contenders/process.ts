import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A port that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/**
 * Starts a program and waits until it answers; what it writes is thrown away.
 * @param log a file that it writes to instead; its first line is waited for too
 */
export async function startProgram(
  [program, ...words]: readonly [string, ...string[]],
  alive: string,
  log: string | null = null,
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(program, words, {
    stdio: [
      'ignore',
      log === null ? 'ignore' : openSync(log, 'w'),
      process.env['BENCH_VERBOSE'] ? 'inherit' : 'ignore',
    ],
    env: { ...process.env, DATABASE_URL: '', REDIS_URL: '' },
  });
  const ended = once(child, 'exit').then(() => true);
  const patience = performance.now() + 120_000;
  for (;;) {
    if (await Promise.race([ended, delay(50, false)])) throw new Error(`${program} ended at once`);
    const hasSaid = log === null || readFileSync(log, 'utf8').includes('\n');
    if (hasSaid && (await fetch(alive).catch(() => null))?.ok) break;
    if (performance.now() > patience) {
      child.kill('SIGKILL');
      throw new Error(`${program} does not answer`);
    }
  }
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
