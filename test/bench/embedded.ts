import { graphmdm, graphmdmAs } from './contenders/graphmdm.ts';
import { benchDevices } from './devices.ts';
import { readFlags } from './flags.ts';
import { pollsAndReports, storm } from './scenarios.ts';

/** Polls, reports and check-ins on the PostgreSQL that the server runs itself, and on another one. */
export async function benchEmbedded(args: readonly string[]): Promise<void> {
  const contenders = [
    graphmdm,
    graphmdmAs('graphmdm on its embedded PostgreSQL', { embedded: true }),
  ];
  const bench = readFlags(args);
  await benchDevices({ title: 'embedded', bench, contenders, scenario: pollsAndReports });
  await benchDevices({
    title: 'embedded, check-in storm',
    bench,
    contenders,
    scenario: storm,
    enrolled: false,
  });
}
