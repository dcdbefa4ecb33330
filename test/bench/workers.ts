import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, withDescendants } from '../harness/process-tree.ts';
import { graphmdmAs } from './contenders/graphmdm.ts';
import { benchDevices, type Ready } from './devices.ts';
import { readFlags } from './flags.ts';
import { measure } from './measure.ts';
import type { Parts } from './rounds.ts';
import { pollsAndReports } from './scenarios.ts';

const contenders = [1, 2, 4].map((count) =>
  graphmdmAs(count === 1 ? 'one process' : `${count} workers`, {
    flags: ['--workers', String(count)],
  }),
);

/** Polls and reports, by one process and by several workers. */
export function benchWorkers(args: readonly string[]): Promise<void> {
  return benchDevices({
    title: 'workers',
    bench: readFlags(args),
    contenders,
    scenario: pollsAndReports,
  });
}

/**
 * Devices poll at a steady rate while all workers are replaced, then one is told to end, and one killed.
 * What was under way in the killed one is sent again, as devices do; everything else must be answered.
 */
export function benchRestart(args: readonly string[]): Promise<void> {
  return benchDevices({
    title: 'workers replaced under load',
    bench: readFlags(args, {
      ...{ rounds: '1', 'per-second': '300', seconds: '60', requests: '1000000000' },
    }),
    contenders: contenders.slice(1),
    scenario: replaceWorkers,
  });
}

async function replaceWorkers({ server, database, load, bench }: Ready): Promise<Parts> {
  const { requests, seconds, perSecond } = bench;
  const figures = await measure(server, database, async () => {
    let isOver = false;
    const outcome = load
      .run({ do: 'poll', requests, seconds, perSecond })
      .finally(() => (isOver = true));
    const late = await replace(server.pid, () => isOver);
    const { problems, ...rest } = await outcome;
    return {
      ...rest,
      problems: late ? [...problems, 'the load ended before all was done'] : problems,
    };
  });
  return { '': figures };
}

/** A new worker's process is there before it serves: were the last other one ended meanwhile, nobody would. */
const untilItListens = 6_000;

/** @returns whether the load was over before all was done */
async function replace(primary: number, isOver: () => boolean): Promise<boolean> {
  const workers = () => withDescendants(primary).slice(1);
  const first = workers();
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo() && !isOver()) await delay(50);
  };
  const replaced = (gone: readonly number[]) => () =>
    !gone.some(isRunning) && workers().length === first.length;

  process.kill(primary, 'SIGHUP');
  await until(replaced(first));
  await delay(untilItListens);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const [one] = workers();
    if (one === undefined) break;
    process.kill(one, signal);
    await until(replaced([one]));
    await delay(untilItListens);
  }
  return isOver();
}
