import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { packageRoot } from '../../server/store/package-root.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { emptyDatabase } from '../harness/database.ts';
import { builtProgram } from '../harness/built-package.ts';
import { type Exit, runProcess, scratchFolder, startProcess } from '../harness/process.ts';
import { adminToken } from '../harness/server.ts';
import { movingFleet } from '../process/fleet.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'backup.md'), 'utf8');
const commands = [...page.matchAll(/^npm run db -- (.*)$/gm)].map(([, words = '']) =>
  words.split(' '),
);
const [copy = [], backup = [], restore = []] = commands;

/** One of our programs, in whatever folder. */
function program(name: string): readonly [string, ...string[]] {
  return [process.execPath, builtProgram(`server/${name}`)];
}

/** Runs a command of the page, in the folder where the server was started. */
function run(folder: string, words: readonly string[]): Promise<Exit> {
  return runProcess(words, { command: program('db.js'), cwd: folder });
}

it('docs/backup.md shows one command of each kind', () => {
  expect(commands.map(([name]) => name)).toEqual(['copy', 'backup', 'restore']);
});

it('the commands of docs/backup.md carry data folders along, with a device that goes on', {
  timeout: 120_000,
}, async () => {
  const folder = scratchFolder();
  const fleet = await movingFleet(2, folder);
  onTestFinished(fleet.close);
  const [device, busy] = fleet.devices;
  if (!device || !busy) throw new Error('no devices');

  /** A server on a database, and where the devices are from then on. */
  const serve = async (...flags: readonly string[]) => {
    const server = startProcess(['--listen', '127.0.0.1:0', '--ca', fleet.ca, ...flags], {
      command: program('main.js'),
      cwd: folder,
      env: { GRAPHMDM_ADMIN_TOKEN: adminToken },
    });
    const { port, url } = await server.listening;
    fleet.moveTo(port);
    return { url, stop: server.stop };
  };
  const answeredBy = async (one: Device) =>
    (await one.channel.connect()).map(({ command }) => command.uuid);

  const first = await serve('--data-dir', './data');
  for (const one of [device, busy]) await one.enrol();
  await enqueue(first, [device.enrollmentId], aCommand('waiting'));

  // Commands are queued all the while, so that the backup has to be of one moment.
  let queued = 0;
  let writing = true;
  const load = (async () => {
    for (; writing; queued += 1) {
      await enqueue(first, [busy.enrollmentId], aCommand(`load-${queued}`));
    }
  })();
  await expect.poll(() => queued, { timeout: 20_000 }).toBeGreaterThan(2);
  const before = queued;
  expect(await run(folder, backup)).toMatchObject({ status: 0 });
  writing = false;
  await load;
  await first.stop();

  // The server's address is the only word that is another than on the page.
  const elsewhere = await emptyDatabase();
  onTestFinished(elsewhere.drop);
  const copied = await run(folder, [...copy.slice(0, -1), elsewhere.url]);
  expect(copied.status, copied.stderr).toBe(0);
  const { status, stderr } = await run(folder, restore);
  expect(status, stderr).toBe(0);

  const key = ['--secret-key-file', './data/secret.key'];
  const restored = await serve('--data-dir', './data-restored', ...key);
  expect(await answeredBy(device)).toEqual(['waiting']);
  const kept = await answeredBy(busy);
  expect(kept.length).toBeGreaterThanOrEqual(before);
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, at) => `load-${at}`));
  await restored.stop();
});
