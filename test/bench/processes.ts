import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { AppleOrder, AppleWord } from './apple-process.ts';

type Counted = Extract<AppleWord, { say: 'counted' }>;

/** The stand-in, in a process of its own. */
export interface BenchApple {
  readonly url: string;
  readonly certificate: string;
  tell(order: AppleOrder): void;
  count(): Promise<Counted>;
  stop(): void;
}

/** @param caFile where the certificate goes that the server must trust */
export async function startApple(caFile: string): Promise<BenchApple> {
  const program = fileURLToPath(new URL('apple-process.ts', import.meta.url));
  const child = fork(program, [caFile], { execArgv: ['--import', 'tsx'] });
  const word = async <Say extends AppleWord['say']>(say: Say) => {
    for (;;) {
      const [said]: AppleWord[] = await once(child, 'message');
      if (said?.say === say) return said as Extract<AppleWord, { say: Say }>;
    }
  };
  const { url, certificate } = await word('ready');
  const tell = (order: AppleOrder): void => void child.send(order);
  return {
    url,
    certificate,
    tell,
    count() {
      const counted = word('counted');
      tell({ do: 'count' });
      return counted;
    },
    stop: () => child.disconnect(),
  };
}

/** Starts the server from its sources, as a process of its own. */
export async function startServer(flags: readonly string[]) {
  const main = fileURLToPath(new URL('../../server/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Those are somebody's own.
    env: { ...process.env, DATABASE_URL: '', REDIS_URL: '' },
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(() => null);
  const first = await Promise.race([once(lines, 'line').then(([line]) => String(line)), ended]);
  if (first === null) throw new Error('the server did not start');
  lines.on('line', (line) => process.stderr.write(`${line}\n`));
  const { url } = z.object({ url: z.string() }).parse(JSON.parse(first));
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
