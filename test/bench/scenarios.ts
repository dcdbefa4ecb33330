import { randomUUID } from 'node:crypto';
import { type Ready, well } from './devices.ts';
import { type Figures, measure } from './measure.ts';
import type { Parts } from './rounds.ts';

const drainAll = { do: 'drain', who: 'all', mayLeave: false } as const;

/** Polls that find nothing. */
export async function idle(ready: Ready): Promise<Parts> {
  return { '': await measurePolls(ready) };
}

/** Commands for all devices, then each of them polls, receives and answers until nothing is left. */
export async function cycle(ready: Ready): Promise<Parts> {
  return { '': await measureCycle(ready) };
}

/** Both, one after the other. */
export async function pollsAndReports(ready: Ready): Promise<Parts> {
  return { polls: await measurePolls(ready), reports: await measureCycle(ready) };
}

/** Devices that enrol: Authenticate and TokenUpdate. */
export async function storm({ server, database, load, bench, prepare }: Ready): Promise<Parts> {
  // Others before them, so that the server is warm.
  await prepare(1_000_000, Math.ceil(bench.warmUp / 2));
  await well(load, { do: 'enrol' });
  await prepare(0, bench.devices);
  return { '': await measure(server, database, () => load.run({ do: 'enrol' })) };
}

function measurePolls({ server, database, load, bench }: Ready): Promise<Figures> {
  const { requests, seconds, perSecond } = bench;
  return measure(server, database, () => load.run({ do: 'poll', requests, seconds, perSecond }));
}

async function measureCycle(ready: Ready): Promise<Figures> {
  const { server, database, load, bench } = ready;
  const { commands, devices } = bench;
  // The first lot warms up what answers reports.
  await queueAndSign(ready, Math.max(1, Math.ceil(2000 / devices)));
  await well(load, drainAll);
  await queueAndSign(ready, commands);
  const figures = await measure(server, database, () => load.run(drainAll));
  const wanted = commands * devices + devices;
  return figures.requests === wanted
    ? figures
    : {
        ...figures,
        problems: [...figures.problems, `${figures.requests} requests, not ${wanted}`],
      };
}

async function queueAndSign({ server, load, bench, ids }: Ready, commands: number): Promise<void> {
  const uuids = Array.from({ length: commands }, () => randomUUID());
  for (const uuid of uuids) await server.enqueue(ids, commandPlist(uuid));
  await load.tell({ do: 'sign', uuids, bytes: bench.bytes, answers: bench.answers });
}

/** A command that any device takes. */
export function commandPlist(uuid: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
    '<plist version="1.0"><dict><key>Command</key><dict><key>RequestType</key>' +
    `<string>InstalledApplicationList</string></dict><key>CommandUUID</key><string>${uuid}</string></dict></plist>\n`
  );
}
