import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { silentLog } from '../../server/model/log.ts';
import { restore } from '../../server/store/copy/backup.ts';
import { openCopyEnd } from '../../server/store/copy/open.ts';
import { demandMigrated, migrate } from '../../server/store/migrate.ts';
import { migrationsFolder } from '../../server/store/package-root.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import {
  databaseLanes,
  emptyDatabase,
  type TestDatabase,
  testDatabase,
} from '../harness/database.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { dbCommand } from './db-command.ts';
import { cursorOf, sameDevice, told } from './fleet.ts';

const lanes = databaseLanes();
const moves = lanes.flatMap((from) =>
  lanes.filter((to) => to !== from || lanes.length === 1).map((to) => ({ from, to })),
);

describe.each(moves)('a database that moves from $from to $to', ({ from, to }) => {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-db-'));
  const backup = join(folder, 'backup');
  let source: TestDatabase;
  let target: TestDatabase;
  let restored: TestDatabase;
  let first: TestServer;
  let device: Device;
  let cursor: string;

  beforeAll(async () => {
    source = await testDatabase(from);
    target = await emptyDatabase(to);
    restored = await emptyDatabase(to);
    first = await startServer({ store: source });
    device = await first.device(1);
    await device.enrol();
    await device.setBootstrapToken(Buffer.from('a bootstrap token'));
    cursor = await cursorOf(first);
    await enqueue(first, [device.enrollmentId], aCommand('before'));
    await device.channel.connect();
    await enqueue(first, [device.enrollmentId], aCommand('waiting'));
  });
  afterAll(async () => {
    await Promise.all([source, target, restored].map((one) => one.drop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('is backed up while it is used, for its owner only, and never copied then', async () => {
    const made = await dbCommand('backup', backup, '--from', source.url);
    expect(made).toMatchObject({ status: 0, stderr: expect.stringContaining('Backed up') });
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    expect(await dbCommand('backup', backup, '--from', source.url)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is there already'),
    });
    expect(await dbCommand('copy', '--from', source.url, '--to', target.url)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('in use by a running graphmdm'),
    });
  });

  it('is copied whole: the device goes on, and a subscriber from its cursor', async () => {
    await first.stop();
    const copied = await dbCommand('copy', '--from', source.url, '--to', target.url);
    expect(copied).toMatchObject({ status: 0, stderr: expect.stringContaining('Copied') });
    expect(copied.stderr).toContain('--secret-key-file');

    const second = await startServer({ store: target, authority: first.authority });
    try {
      const moved = await sameDevice(second, 1, device);
      expect(await moved.getBootstrapToken()).toEqual(Buffer.from('a bootstrap token'));
      const answered = await moved.channel.connect();
      expect(answered.map(({ command }) => command.uuid)).toEqual(['waiting']);
      const events = await told(second, cursor, /"waiting"/);
      expect(events).toContain('"before"');
      expect(events.indexOf('"before"')).toBeLessThan(events.indexOf('"waiting"'));
      // Numbers that are given out go on where they were.
      await enqueue(second, [moved.enrollmentId], aCommand('after'));
      expect(await moved.channel.connect()).toHaveLength(1);
    } finally {
      await second.stop();
    }
    expect(await dbCommand('copy', '--from', source.url, '--to', target.url)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not empty'),
    });
  });

  it('is not restored from a file that was cut short, changed, or is none', async () => {
    const bytes = readFileSync(backup);
    const text = gunzipSync(bytes).toString();
    const lines = text.trimEnd().split('\n');
    const bad = join(folder, 'bad');
    const end = await openCopyEnd(restored.url, silentLog);
    await migrate(end.pool, migrationsFolder(), { log: silentLog });
    const level = await demandMigrated(end.pool, migrationsFolder());
    for (const [content, words] of [
      [bytes.subarray(0, bytes.length - 200), /cut short or changed/],
      [gzipSync(`${lines.slice(0, -1).join('\n')}\n`), /cut short or changed/],
      [gzipSync(text.replace('"ProfileList"', '"ProfileLisT"')), /did not arrive as it was/],
      [gzipSync('{"format":"other"}\n'), /no backup/],
      [Buffer.from('text'), /cut short or changed/],
      [gzipSync(text.replace(/"migration":"\d+_/, '"migration":"0_')), /last migration is 0_/],
    ] as const) {
      writeFileSync(bad, content);
      await expect(restore(end.pool, bad, level)).rejects.toThrow(words);
    }
    await end.close();
    const nowhere = await dbCommand('restore', join(folder, 'none'), '--to', restored.url);
    expect(nowhere).toMatchObject({ status: 1, stderr: expect.stringContaining('no file') });
  });

  it('is restored with a new stream of events, which old cursors are told', async () => {
    const done = await dbCommand('restore', backup, '--to', restored.url);
    expect(done).toMatchObject({ status: 0, stderr: expect.stringContaining('Restored') });
    const third = await startServer({ store: restored, authority: first.authority });
    try {
      const moved = await sameDevice(third, 1, device);
      const answered = await moved.channel.connect();
      expect(answered.map(({ command }) => command.uuid)).toEqual(['waiting']);
      expect(await told(third, cursor, /CURSOR_OTHER_STREAM/)).toContain('CURSOR_OTHER_STREAM');
      expect(await told(third, 'EARLIEST', /"waiting"/)).toContain('"before"');
    } finally {
      await third.stop();
    }
  });
});

describe('npm run db', () => {
  it('says how it is used', async () => {
    expect(await dbCommand('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('npm run db -- copy'),
    });
    for (const words of [['copy', '--from', 'x'], ['nonsense']]) {
      expect(await dbCommand(...words)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('usage:'),
      });
    }
  });
});
