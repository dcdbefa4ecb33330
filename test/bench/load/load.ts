import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadOutcome } from './words.ts';

/** The load generator, in a process of its own. */
export interface Load {
  readonly pid: number;
  tell(order: LoadOrder): Promise<LoadOutcome | null>;
  /** As `tell`, for what must have an outcome. */
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
  async function tell(order: LoadOrder): Promise<LoadOutcome | null> {
    child.send(order);
    const [word]: { outcome: LoadOutcome | null }[] = await Promise.race([
      once(child, 'message'),
      ended,
    ]);
    return word?.outcome ?? null;
  }
  return {
    pid: child.pid ?? 0,
    tell,
    async run(order) {
      const outcome = await tell(order);
      if (outcome === null) throw new Error(`${order.do} has no outcome`);
      return outcome;
    },
    stop: () => child.disconnect(),
  };
}
