import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { envFor, graphmdm, scratch, start } from './cli.ts';

let server: TestServer;
let device: Device;

beforeAll(async () => {
  server = await startServer({ flags: ['--device-ca', '--public-url', 'https://mdm.example.com'] });
  device = await server.device(1);
  await device.enrol();
});
afterAll(() => server.stop());

/** Runs with all JSON fields that are named, and reads what it prints. */
async function json(fields: string, ...argv: string[]) {
  const { stdout, stderr } = await graphmdm(server, [...argv, '--json', fields]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Queues a command for the device. */
async function queued(uuid: string): Promise<void> {
  const argv = ['commands', 'send', '--file', '-', '--to', device.enrollmentId];
  const sent = await graphmdm(server, argv, { stdin: aCommand(uuid) });
  expect(sent).toMatchObject({ status: 0, stderr: '' });
}

describe('graphmdm commands and queue', () => {
  it('show what waits, take it back, and send it once more', async () => {
    await queued('cli-one');
    await queued('cli-two');
    const queue = () => json('commandUuid,state', 'queue', 'show', device.enrollmentId);
    expect(await queue()).toEqual([
      { commandUuid: 'cli-one', state: 'PENDING' },
      { commandUuid: 'cli-two', state: 'PENDING' },
    ]);
    expect(await json('count', 'commands', 'cancel', 'cli-one')).toEqual({ count: 1 });
    const targets = await json('enrollmentId,state', 'commands', 'targets', 'cli-one');
    expect(targets).toEqual([{ enrollmentId: device.enrollmentId, state: 'CANCELLED' }]);
    const retried = ['commands', 'retry', 'cli-one', '--state', 'cancelled'];
    expect(await json('queuedCount', ...retried)).toEqual({ queuedCount: 1 });
    const one = ['queue', 'cancel', 'cli-two', '--to', device.enrollmentId];
    expect(await json('count', ...one)).toEqual({ count: 1 });
    const none = await graphmdm(server, one);
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/^error [A-Z_]+: /);
    const clear = ['queue', 'clear', '--all'];
    expect((await graphmdm(server, clear)).stderr).toContain('--yes --expected-count 1');
    expect(await json('count', ...clear, '--yes', '--expected-count', '1')).toEqual({ count: 1 });
    expect(await queue()).toEqual([]);
  });

  it('list and show commands', async () => {
    await queued('cli-listed');
    const [first] = await json('uuid,requestType,targetCount', 'commands', 'list', '--limit', '1');
    expect(first).toEqual({ uuid: 'cli-listed', requestType: 'ProfileList', targetCount: 1 });
    expect(await json('uuid', 'commands', 'list', '--type', 'EraseDevice')).toEqual([]);
    expect(await json('uuid', 'commands', 'show', 'cli-listed')).toEqual({ uuid: 'cli-listed' });
    for (const verb of ['show', 'targets', 'watch', 'cancel', 'retry']) {
      const { status, stderr } = await graphmdm(server, ['commands', verb, 'no-such-command']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error \w+: /);
    }
    const queue = await graphmdm(server, ['queue', 'show', 'nobody']);
    expect(queue).toMatchObject({ status: 1, stdout: '' });
    await device.channel.connect();
  });
});

describe('graphmdm events tail', () => {
  it('prints events as they come, and goes on behind the position in its file', async () => {
    const file = join(scratch(), 'position');
    const argv = ['events', 'tail', '--cursor-file', file, '--types', 'command-answered'];
    const options = { env: envFor(server) };
    const first = start([...argv, '--after', 'EARLIEST', '--json', 'type,commandUuid'], options);
    await queued('cli-tail-1');
    await device.channel.connect();
    await first.printed('"cli-tail-1"');
    first.interrupt();
    expect(await first.ended).toMatchObject({ status: 130, stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/^\S+\n$/);

    await queued('cli-tail-2');
    await device.channel.connect();
    const second = await graphmdm(server, [...argv, '--limit', '1', '--json', 'commandUuid']);
    expect(JSON.parse(second.stdout)).toEqual({ commandUuid: 'cli-tail-2' });
  });

  it('tells on Ctrl-C where to go on', async () => {
    const options = { env: envFor(server), terminal: true };
    const tail = start(['events', 'tail', '--after', 'EARLIEST'], options);
    await tail.printed('EnrollmentAuthenticated');
    tail.interrupt();
    const { status, stderr } = await tail.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/--after \S+/);
  });

  it('says what is wrong with a cursor and with a type', async () => {
    const cursor = await graphmdm(server, ['events', 'tail', '--after', 'nonsense']);
    expect(cursor.status).toBe(1);
    expect(cursor.stderr).toContain('CURSOR_INVALID');
    const type = await graphmdm(server, ['events', 'tail', '--types', 'Nothing']);
    expect(type.status).toBe(2);
    expect(type.stderr).toContain('CommandAnswered');
  });
});

describe('graphmdm push and jobs', () => {
  it('push by a job that can be watched, listed, and has ended for who cancels it', async () => {
    const { job } = await json('job,targetCount', 'push', '--all');
    const watched = await graphmdm(server, ['jobs', 'watch', job, '--json', 'jobId,state']);
    expect(JSON.parse(watched.stdout)).toMatchObject({ jobId: job, state: expect.any(String) });
    expect(await json('jobId', 'jobs', 'list')).toEqual([{ jobId: job }]);
    const cancelled = await graphmdm(server, ['jobs', 'cancel', job]);
    expect(cancelled.status).toBe(1);
    expect(cancelled.stderr).toMatch(/^error \w+: /);
    expect((await graphmdm(server, ['jobs', 'watch', '999999'])).status).toBe(1);
    const dry = await json('targetCount,job', 'push', '--to', device.enrollmentId, '--dry-run');
    expect(dry).toEqual({ targetCount: 1, job: null });
  });
});

describe('graphmdm tags', () => {
  it('give, list, find by and take tags', async () => {
    const to = ['--to', device.enrollmentId];
    expect(await json('changedCount', 'tags', 'add', 'lab', 'loaner', ...to)).toEqual({
      changedCount: 1,
    });
    expect(await json('name', 'tags', 'list', '--prefix', 'la')).toEqual([{ name: 'lab' }]);
    expect(await json('tags', 'enrollments', 'list', '--tag', 'lab')).toEqual([
      { tags: ['lab', 'loaner'] },
    ]);
    expect(await json('changedCount', 'tags', 'remove', 'lab', ...to)).toEqual({ changedCount: 1 });
    expect(await json('tags', 'enrollments', 'list', '--tag', 'lab')).toEqual([]);
  });
});

describe('graphmdm tokens', () => {
  it('makes one that is alone on stdout, rotates and revokes it', async () => {
    const argv = ['tokens', 'create', '--name', 'reader', '--scopes', 'enrollments:read'];
    const made = await graphmdm(server, [...argv, '--expires', '30d']);
    const secret = made.stdout.trimEnd();
    expect(secret).toMatch(/^\S+$/);
    expect(made.stderr).not.toContain(secret);
    const asReader = (words: string[], token = secret) =>
      start(words, { env: envFor(server, token) }).ended;
    const who = await asReader(['whoami', '--json', 'actor,scopes']);
    expect(JSON.parse(who.stdout)).toEqual({
      actor: 'token:reader',
      scopes: ['enrollments:read'],
    });
    expect(await asReader(['enrollments', 'list'])).toMatchObject({ status: 0 });
    const forbidden = await asReader(['audit']);
    expect(forbidden.status).toBe(3);
    expect(forbidden.stderr).toContain('graphmdm whoami');
    expect(await asReader(['push', '--all'])).toMatchObject({ status: 3, stdout: '' });

    const tokens = await json('tokenId,name,state', 'tokens', 'list');
    const { tokenId } = tokens.find(({ name }: { name: string }) => name === 'reader');
    const rotated = await json('secret,tokenId', 'tokens', 'rotate', tokenId, '--overlap', '0');
    expect(await asReader(['whoami'], rotated.secret)).toMatchObject({ status: 0 });
    expect(await graphmdm(server, ['tokens', 'revoke', rotated.tokenId])).toMatchObject({
      status: 0,
    });
    expect(await json('tokenId,state', 'tokens', 'list')).toContainEqual({
      tokenId: rotated.tokenId,
      state: 'REVOKED',
    });
  });

  it('wants a name and scopes', async () => {
    expect(await graphmdm(server, ['tokens', 'create'])).toMatchObject({ status: 2 });
    const none = await graphmdm(server, ['tokens', 'create', '--name', 'x', '--scopes', 'nothing']);
    expect(none.status).toBe(1);
    expect(none.stderr).toContain('input.scopes');
  });
});

describe('graphmdm invitations, pushcert, renewals and audit', () => {
  it('make, list and revoke invitations', async () => {
    const argv = ['invitations', 'create', '--uses', '3', '--topic', 'com.apple.mgmt.External.x'];
    const made = await json('enrollmentUrl,invitationId', ...argv, '--expires', '2d');
    expect(made.enrollmentUrl).toMatch(/^https:\/\/mdm\.example\.com\//);
    expect(await json('useLimit', 'invitations', 'list')).toEqual([{ useLimit: 3 }]);
    const revoke = ['invitations', 'revoke', made.invitationId];
    expect(await graphmdm(server, revoke)).toMatchObject({ status: 0 });
    expect(await json('state', 'invitations', 'list')).toEqual([{ state: 'REVOKED' }]);
  });

  it('make a request for a push certificate, and say what is wrong with an answer', async () => {
    const made = await graphmdm(server, ['pushcert', 'request', '--name', 'Example']);
    expect(made.stdout).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/);
    const [, id = ''] = /pushcert complete (\S+) --file/.exec(made.stderr) ?? [];
    const file = join(scratch(), 'answer.pem');
    writeFileSync(file, made.stdout);
    const complete = ['pushcert', 'complete', id, '--file', file];
    for (const argv of [complete, ['pushcert', 'upload', '--file', file]]) {
      const { status, stderr } = await graphmdm(server, argv);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error [A-Z_]+: /);
    }
    expect(await json('topic', 'pushcert', 'list')).toEqual([]);
    expect(await json('state', 'renewals', 'list', '--state', 'failed')).toEqual([]);
  });

  it('list who has done what', async () => {
    const argv = ['audit', '--action', 'createEnrollmentInvitation', '--since', '1h'];
    expect(await json('action,actor', ...argv)).toEqual([
      { action: 'createEnrollmentInvitation', actor: expect.stringMatching(/^token:/) },
    ]);
    expect(await json('action', 'audit', '--until', '1d')).toEqual([]);
  });
});
