import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { envFor, graphmdm, scratch, start } from './cli.ts';

let server: TestServer;
let first: Device;
let second: Device;

beforeAll(async () => {
  server = await startServer();
  first = await server.device(1);
  second = await server.device(2);
  await first.enrol();
  await second.enrol();
});
afterAll(() => server.stop());

/** A file with a command. */
function aFile(uuid: string, requestType?: string): string {
  const file = join(scratch(), `${uuid}.plist`);
  writeFileSync(file, aCommand(uuid, requestType));
  return file;
}

describe('graphmdm commands send', () => {
  it('queues a command for those that are named', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-sent'), '--to', first.enrollmentId];
    const sent = await graphmdm(server, [...argv, '--json', 'commandUuid,queuedCount,replayed']);
    expect(sent).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(sent.stdout)).toEqual({
      commandUuid: 'cli-sent',
      queuedCount: 1,
      replayed: false,
    });
    expect(await first.channel.connect()).toMatchObject([{ command: { uuid: 'cli-sent' } }]);
    const again = await graphmdm(server, argv);
    expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('not queued again') });
  });

  it('takes a command from stdin, and names those that it was not queued for: status 4', async () => {
    const argv = ['commands', 'send', '--file', '-', '--to', first.enrollmentId, 'nobody'];
    const sent = await graphmdm(server, argv, { stdin: aCommand('cli-partly') });
    expect(sent.status).toBe(4);
    expect(sent.stdout).toContain('queuedCount\t1\n');
    expect(sent.stderr).toContain('nobody');
    await first.channel.connect();
  });

  it('says when nobody was meant', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-no-match'), '--tag', 'nobody-has-this'];
    const dry = await graphmdm(server, [...argv, '--dry-run']);
    expect(dry).toMatchObject({ status: 0, stderr: expect.stringContaining('Nobody is meant') });
    const sent = await graphmdm(server, argv);
    expect(sent).toMatchObject({ status: 0, stderr: expect.stringContaining('Nobody was meant') });
  });

  it('watches until all have answered', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-watched'), '--enabled', '--watch'];
    const sent = start(argv, { env: envFor(server) });
    await sent.said('is queued for 2');
    await first.channel.connect();
    await sent.printed(first.enrollmentId);
    await second.channel.connect();
    const { status, stdout } = await sent.ended;
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split('\t').slice(1, 4))).toEqual([
      [first.enrollmentId, 'Acknowledged', 'ProfileList'],
      [second.enrollmentId, 'Acknowledged', 'ProfileList'],
    ]);
  });

  it('watches those who are left when it was sent before', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-again'), '--enabled', '--watch'];
    expect((await graphmdm(server, argv.slice(0, -1))).status).toBe(0);
    await first.channel.connect();
    const again = start([...argv, '--json', 'enrollmentId'], { env: envFor(server) });
    await again.said('Not answered yet: 1.');
    await second.channel.connect();
    const { status, stdout } = await again.ended;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ enrollmentId: second.enrollmentId });
    expect(await graphmdm(server, argv)).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining('All have answered'),
    });
  });

  it('ends with status 4 when somebody could not do it', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-failed', 'NoSuchCommand')];
    const sent = start(
      [...argv, '--to', first.enrollmentId, '--watch', '--json', 'outcome,commandUuid'],
      { env: envFor(server) },
    );
    await sent.said('is queued');
    await first.channel.connect();
    const { status, stdout } = await sent.ended;
    expect(status).toBe(4);
    expect(JSON.parse(stdout)).toEqual({ outcome: 'Error', commandUuid: 'cli-failed' });
  });

  it('shows a bar on a terminal, and tells on Ctrl-C how to go on', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-stopped'), '--enabled', '--watch'];
    const sent = start(argv, { env: { ...envFor(server), NO_COLOR: '1' }, terminal: true });
    await sent.said('] 0/2 answered');
    await first.channel.connect();
    await sent.said('] 1/2 answered');
    sent.interrupt();
    const { status, stdout, stderr } = await sent.ended;
    expect(status).toBe(130);
    expect(stdout).toMatch(/^AT +ENROLMENT/);
    const [, resume = ''] =
      /graphmdm (commands watch cli-stopped --after \S+ --done 1)/.exec(stderr) ?? [];
    await second.channel.connect();
    const resumed = await graphmdm(server, [...resume.split(' '), '--json', 'enrollmentId']);
    expect(resumed).toMatchObject({ status: 0 });
    expect(JSON.parse(resumed.stdout)).toEqual({ enrollmentId: second.enrollmentId });
    const again = await graphmdm(server, [
      'commands',
      'watch',
      'cli-stopped',
      '--after',
      'EARLIEST',
    ]);
    expect(again.stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it('wants to know to whom', async () => {
    const argv = ['commands', 'send', '--file', aFile('cli-nobody')];
    expect(await graphmdm(server, argv)).toMatchObject({ status: 2, stdout: '' });
    const both = await graphmdm(server, [...argv, '--all', '--enabled']);
    expect(both).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('graphmdm commands send of what wipes', () => {
  const erase = () => ['commands', 'send', '--file', aFile('cli-erase', 'EraseDevice'), '--all'];

  it('is not done in a script without the count, which it says', async () => {
    const sent = await graphmdm(server, erase());
    expect(sent).toMatchObject({ status: 1, stdout: '' });
    expect(sent.stderr).toContain('would reach 2. Nothing was done.');
    expect(sent.stderr).toContain('--yes --expected-count 2');
    const yes = await graphmdm(server, [...erase(), '--yes']);
    expect(yes.status).toBe(1);
    const counted = await graphmdm(server, [...erase(), '--expected-count', '2']);
    expect(counted.status).toBe(2);
    const tooFew = await graphmdm(server, [...erase(), '--yes', '--expected-count', '1']);
    expect(tooFew).toMatchObject({ status: 1 });
    expect(tooFew.stderr).toContain('TARGETS_CHANGED');
  });

  it('asks on a terminal, and does nothing for another answer than the count', async () => {
    const options = { terminal: true, env: { NO_COLOR: '1' } };
    const refused = await graphmdm(server, erase(), { ...options, typed: ['y'] });
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('Type 2 to go on: ');
    const closed = await graphmdm(server, erase(), options);
    expect(closed.status).toBe(1);
    const dry = await graphmdm(server, [...erase(), '--dry-run', '--json', 'queuedCount']);
    expect(JSON.parse(dry.stdout)).toEqual({ queuedCount: 2 });
    expect(await first.channel.connect()).toEqual([]);
    const done = await graphmdm(server, erase(), { ...options, typed: ['2'] });
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/queuedCount +2/);
  });
});
