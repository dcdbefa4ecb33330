import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { holdLease, releaseLease } from '../store/lease.ts';

/** Work that is done every so often, by one of all the processes. */
export interface RecurringTask {
  readonly name: string;
  /** Seconds from one run to the next. */
  readonly every: number;
  /** Whether the first run is at once. */
  readonly atOnce?: boolean;
  /** Works in short transactions and stops soon once `signal` is aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * Runs tasks under leases: each is done by one process at a time, and by another when that one dies.
 * The lease lasts two periods, so the process that has a task keeps it.
 * @returns stops the tasks and gives the leases back
 */
export function startRecurring(
  pool: Pool,
  tasks: readonly RecurringTask[],
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): () => Promise<void> {
  const holder = randomUUID();
  const stopping = new AbortController();
  const timers = new Map<string, () => void>();
  const running = new Set<Promise<void>>();

  function plan(task: RecurringTask, ms = task.every * 1_000): void {
    if (stopping.signal.aborted) return;
    timers.set(
      task.name,
      clock.setTimer(ms, () => {
        const run = once(task).finally(() => {
          running.delete(run);
          plan(task);
        });
        running.add(run);
      }),
    );
  }

  async function once(task: RecurringTask): Promise<void> {
    try {
      if (!(await holdLease(pool, task.name, holder, task.every * 2))) return;
      await task.run(stopping.signal);
    } catch (error) {
      log.error(
        { err: error, task: task.name },
        'recurring task failed; it runs again in its turn',
      );
    }
  }

  for (const task of tasks) plan(task, task.atOnce === true ? 0 : undefined);
  return async () => {
    stopping.abort();
    for (const cancel of timers.values()) cancel();
    await Promise.allSettled(running);
    await Promise.allSettled(tasks.map((task) => releaseLease(pool, task.name, holder)));
  };
}
