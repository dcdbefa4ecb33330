import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { bundled } from './program.ts';

let server: TestServer;
let device: Device;
let folder: string;
let program: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'graphmdm-cli-'));
  program = await bundled(folder);
  server = await startServer();
  device = await server.device(1);
  await device.enrol();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const isHere = (name: string) => spawnSync(name, ['--version']).status === 0;

/** Runs a program, which is not to be waited for in a way that stops the server in this process. */
function child(command: string, words: readonly string[], env = {}) {
  const started = spawn(command, words, {
    env: {
      PATH: process.env['PATH'],
      GRAPHMDM_URL: server.url,
      GRAPHMDM_TOKEN: adminToken,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  started.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>(
    (resolve) => {
      started.once('close', (status) => resolve({ status, stdout, stderr }));
    },
  );
  onTestFinished(async () => {
    // A shell's children too.
    const isRunning = started.exitCode === null && started.signalCode === null;
    if (isRunning && started.pid !== undefined) process.kill(-started.pid, 'SIGKILL');
    await ended;
  });
  return { started, ended };
}

function graphmdm(...words: string[]) {
  return child(process.execPath, [program, ...words]);
}

/** What bash offers for a line that ends where the cursor is. */
async function offered(...words: string[]): Promise<string[]> {
  const script = join(folder, 'complete.sh');
  const lines = (await graphmdm('completion', 'bash').ended).stdout;
  writeFileSync(script, lines);
  const { stdout, stderr } = await child('bash', [
    '--norc',
    '-c',
    `source "$1"; shift; complete -p graphmdm >&2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _graphmdm; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
    script,
    'graphmdm',
    ...words,
  ]).ended;
  expect(stderr).toBe('complete -F _graphmdm graphmdm\n');
  return stdout.split('\n').filter(Boolean);
}

describe('graphmdm as a process', () => {
  it('logs in by what is piped to it, and uses that', async () => {
    const env = { XDG_CONFIG_HOME: folder, GRAPHMDM_TOKEN: '', GRAPHMDM_URL: '' };
    const login = child(process.execPath, [program, 'login', '--url', server.url], env);
    login.started.stdin.end(`${adminToken}\n`);
    expect(await login.ended).toMatchObject({ status: 0, stdout: '' });
    const list = await child(process.execPath, [program, 'enrollments', 'list'], env).ended;
    expect(list).toMatchObject({ status: 0, stderr: '' });
    expect(list.stdout.split('\t')).toHaveLength(7);
  });

  it('ends cleanly by SIGINT, and tells where to go on', async () => {
    const tail = graphmdm('events', 'tail', '--after', 'EARLIEST');
    await new Promise((resolve) => tail.started.stdout.once('data', resolve));
    tail.started.kill('SIGINT');
    const { status, stderr } = await tail.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^Stopped. Go on with --after \S+\n$/);
  });

  it('ends quietly when nobody reads any more', async () => {
    const words = `"${process.execPath}" "${program}" events tail --after EARLIEST | head -n 1`;
    const { started, ended } = child('sh', ['-c', words]);
    // It notices when it next has something to say.
    while (started.exitCode === null) await device.tokenUpdate();
    const { stdout, stderr } = await ended;
    expect(stdout.split('\n')).toHaveLength(2);
    expect(stderr).toBe('');
  });

  it.skipIf(!isHere('script'))('draws a table on a terminal', async () => {
    const words = `"${process.execPath}" "${program}" enrollments list`;
    const env = { NO_COLOR: '1', TERM: 'xterm' };
    const shown = child('script', ['-qec', words, '/dev/null'], env);
    const { status, stdout } = await shown.ended;
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ID +SERIAL +NAME/);
  });
});

describe('completion', () => {
  it('offers in bash what the table of commands has', async () => {
    expect(await offered('enr')).toEqual(['enrollments']);
    expect(await offered('commands', 's')).toEqual(['send', 'show']);
    expect(await offered('commands', 'send', '--fi')).toEqual(['--file', '--filter']);
    expect(await offered('push', '--wa')).toEqual(['--watch']);
    expect(await offered('enrollments', 'list', '--json', 'serial')).toEqual(['serialNumber']);
    expect(await offered('enrollments', 'list', '--json', 'id,os')).toEqual(['id,osVersion']);
    expect(await offered('commands', 'send', '--channels', '')).toEqual(['DEVICE', 'USER', 'ALL']);
    expect(await offered('completion', 'z')).toEqual(['zsh']);
  });

  it('offers files in bash where a flag wants one', async () => {
    const file = join(folder, 'x.plist');
    writeFileSync(file, '');
    expect(await offered('commands', 'send', '--file', join(folder, 'x.p'))).toEqual([file]);
  });

  for (const shell of ['zsh', 'fish']) {
    const title = `is understood by ${shell}`;
    it.skipIf(!isHere(shell))(
      isHere(shell) ? title : `${title} (skipped: it is not here)`,
      async () => {
        const script = join(folder, `complete.${shell}`);
        writeFileSync(script, (await graphmdm('completion', shell).ended).stdout);
        expect(await child(shell, ['-n', script]).ended).toMatchObject({ status: 0, stderr: '' });
      },
    );
  }
});
