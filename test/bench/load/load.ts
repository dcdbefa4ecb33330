import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadOutcome, LoadSaid } from './words.ts';

/** The load generator, in a process of its own. */
export interface Load {
  readonly pid: number;
  tell(order: LoadOrder): Promise<LoadSaid>;
  /** As `tell`, for what has an outcome. */
  run(order: LoadOrder): Promise<LoadOutcome>;
  stop(): void;
}

/** Starts the generator. */
export function startLoad(): Load {
  const program = fileURLToPath(new URL('load-process.ts', import.meta.url));
  const child: ChildProcess = fork(program, [], { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the load generator ended');
  });
  ended.catch(() => {});
  async function tell(order: LoadOrder): Promise<LoadSaid> {
    child.send(order);
    const [said]: LoadSaid[] = await Promise.race([once(child, 'message'), ended]);
    if (said === undefined) throw new Error(`${order.do}: nothing was said`);
    return said;
  }
  return {
    pid: child.pid ?? 0,
    tell,
    async run(order) {
      const { outcome } = await tell(order);
      if (outcome === null) throw new Error(`${order.do} has no outcome`);
      return outcome;
    },
    stop: () => child.disconnect(),
  };
}
