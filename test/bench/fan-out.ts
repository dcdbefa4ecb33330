import { randomUUID } from 'node:crypto';
import type { Ready } from './devices.ts';
import type { LoadOutcome } from './load/words.ts';
import { measure } from './measure.ts';
import type { Parts } from './rounds.ts';
import { commandPlist } from './scenarios.ts';

/** Of the commands, those that are queued while the devices drain the others. */
const meanwhile = 2;

/** Commands to a whole fleet, the last of them queued while the fleet fetches and answers the first. */
export async function fanOut({ server, database, load, bench, ids }: Ready): Promise<Parts> {
  const uuids = Array.from({ length: bench.commands }, () => randomUUID());
  const enqueue = async (some: readonly string[]): Promise<void> => {
    for (const uuid of some) await server.enqueue(ids, commandPlist(uuid));
  };
  const first = Math.max(0, bench.commands - meanwhile);
  await enqueue(uuids.slice(0, first));
  await load.tell({ do: 'sign', uuids, bytes: bench.bytes, answers: bench.answers });
  const figures = await measure(server, database, async () => {
    const began = performance.now();
    const [most] = await Promise.all([
      load.run({ do: 'drain', who: 'all', mayLeave: true }),
      enqueue(uuids.slice(first)),
    ]);
    // Devices that were there before the last commands come once more.
    const rest = await load.run({ do: 'drain', who: 'unfinished', mayLeave: false });
    return together(most, rest, (performance.now() - began) / 1000, bench.commands * ids.length);
  });
  return { '': figures };
}

function together(
  most: LoadOutcome,
  rest: LoadOutcome,
  seconds: number,
  wanted: number,
): LoadOutcome {
  const delivered = most.delivered + rest.delivered;
  const wrong = delivered === wanted ? [] : [`${delivered} of ${wanted} commands were delivered`];
  return {
    // Of the few that come again the latencies are left out.
    ...most,
    requests: most.requests + rest.requests,
    seconds,
    cpuSeconds: most.cpuSeconds + rest.cpuSeconds,
    delivered,
    resent: most.resent + rest.resent,
    problems: [...most.problems, ...rest.problems, ...wrong],
  };
}
