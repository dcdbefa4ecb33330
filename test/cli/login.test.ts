import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { envFor, graphmdm, scratch, start } from './cli.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const anything = ['enrollments', 'list'];

/** Runs with nothing in the environment but a folder for settings. */
function bare(argv: readonly string[], home: string, stdin = '', more = {}) {
  return start(argv, { env: { XDG_CONFIG_HOME: home, ...more }, stdin }).ended;
}

describe('graphmdm login', () => {
  it('keeps the token from stdin for the user alone, and logout forgets it', async () => {
    const home = scratch();
    const argv = ['login', '--url', server.url];
    expect(await bare(argv, home, `${adminToken}\n`)).toMatchObject({ status: 0, stdout: '' });
    const file = join(home, 'graphmdm', 'config.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ url: server.url, token: adminToken });
    expect(await bare(anything, home)).toMatchObject({ status: 0 });
    expect(await bare(['logout'], home)).toMatchObject({ status: 0 });
    expect(await bare(anything, home)).toMatchObject({ status: 2 });
  });

  it('reads the token unseen on a terminal', async () => {
    const home = scratch();
    const options = { env: { XDG_CONFIG_HOME: home }, terminal: true, typed: [adminToken] };
    const { status, stderr } = await start(['login', '--url', server.url], options).ended;
    expect(status).toBe(0);
    expect(stderr).not.toContain(adminToken);
  });

  it('keeps no token that the server does not know', async () => {
    const home = scratch();
    const { status, stderr } = await bare(['login', '--url', server.url], home, 'gmdm_wrong');
    expect(status).toBe(3);
    expect(stderr).not.toContain('gmdm_wrong');
    expect(await bare(anything, home)).toMatchObject({ status: 2 });
    expect(await bare(['login', '--url', server.url], home)).toMatchObject({ status: 2 });
  });

  it('refuses a file that others may read, and says how to mend it', async () => {
    const home = scratch();
    const file = join(home, 'graphmdm', 'config.json');
    mkdirSync(join(home, 'graphmdm'));
    writeFileSync(file, JSON.stringify({ url: server.url, token: adminToken }));
    chmodSync(file, 0o640);
    const { status, stderr } = await bare(anything, home);
    expect(status).toBe(1);
    expect(stderr).toContain(`chmod 600 ${file}`);
    chmodSync(file, 0o600);
    expect(await bare(anything, home)).toMatchObject({ status: 0 });
  });

  it('shows the kept token to the server that it is for, and to no other', async () => {
    const home = scratch();
    await bare(['login', '--url', server.url], home, adminToken);
    const other = [...anything, '--url', 'http://127.0.0.1:9'];
    const { status, stderr } = await bare(other, home);
    expect(status).toBe(3);
    expect(stderr).toContain('NO_TOKEN');
  });
});

describe('graphmdm without what it needs', () => {
  it('takes server and token from the environment, and knows no --token', async () => {
    expect(await graphmdm(server, anything)).toMatchObject({ status: 0 });
    const given = await graphmdm(server, [...anything, '--token', 'gmdm_secret']);
    expect(given.status).toBe(2);
    expect(given.stderr).toContain('GRAPHMDM_TOKEN');
    expect(given.stderr).not.toContain('gmdm_secret');
  });

  it('never repeats a word that may be a token', async () => {
    for (const argv of [[adminToken], [...anything, adminToken], ['enrollments', adminToken]]) {
      const { status, stderr } = await graphmdm(server, argv);
      expect(status).toBe(2);
      expect(stderr).not.toContain(adminToken);
    }
    const shown = await graphmdm(server, ['enrollments', 'show', adminToken]);
    expect(shown.stderr).toContain('no enrolment <token>');
  });

  it('says that a token is not good, or may not do it: status 3', async () => {
    const { status, stderr } = await start(anything, { env: envFor(server, 'gmdm_bad') }).ended;
    expect(status).toBe(3);
    expect(stderr).toContain('UNAUTHENTICATED');
    expect(stderr).toContain('graphmdm login');
  });

  it('says where no server answers', async () => {
    const { status, stderr } = await start(anything, {
      env: envFor({ url: 'http://127.0.0.1:9' }),
    }).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error UNREACHABLE: /);
  });

  it('knows its commands, and helps with each', async () => {
    const all = await graphmdm(server, []);
    expect(all.stdout).toContain('commands send');
    for (const argv of [
      ['help', 'commands', 'send'],
      ['commands', 'send', '-h'],
    ]) {
      const { status, stdout } = await graphmdm(server, argv);
      expect(status).toBe(0);
      expect(stdout).toContain('usage: graphmdm commands send [FLAGS] [--json FIELDS]');
      expect(stdout).toContain('--expected-count N');
    }
    const noun = await graphmdm(server, ['commands']);
    expect(noun.status).toBe(2);
    expect(noun.stderr).toContain('send');
    const wrong = await graphmdm(server, ['enrollments', 'list', '--lim', '3']);
    expect(wrong).toMatchObject({ status: 2 });
    expect(wrong.stderr).toContain('Did you mean --limit?');
  });
});
