import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../clients/sdk/client.ts';
import { isError } from '../../clients/sdk/result.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { aCommand } from '../build/commands.ts';
import { bundled } from '../cli/program.ts';
import { root } from '../harness/root.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { type CuttingProxy, startCuttingProxy } from '../sdk/cutting-proxy.ts';

const page = readFileSync(join(root, 'docs', 'clients.md'), 'utf8');
const examples = new Map(
  [...page.matchAll(/```\w+\n(?:\/\/|#) ([\w.]+)\n([\s\S]*?)```/g)].map(
    ([, name = '', text = '']) => [name, text],
  ),
);
const fences = [...page.matchAll(/^```(ts|python|sh)$/gm)].length;
const hasPython = spawnSync('python3', ['--version']).status === 0;
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const sdk = join(root, 'clients', 'sdk');

let folder: string;
let server: TestServer;
let device: Device;
let commands = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'graphmdm-docs-'));
  server = await startServer();
  device = await server.device(1);
  await device.enrol();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command that the device has answered. */
async function answered(): Promise<void> {
  commands += 1;
  const mdm = createClient({ url: server.url, token: adminToken, transport: 'sse' });
  const targets = { ids: [device.enrollmentId] };
  const sent = await mdm.enqueue({ targets, plist: aCommand(`documented-${commands}`) });
  expect(isError(sent)).toBe(false);
  await device.channel.connect();
}

/** Runs an example in a folder of its own, for as long as the test. */
function start(name: string, command: readonly [string, ...string[]], url: string) {
  const cwd = join(folder, `${name}-runs`);
  mkdirSync(cwd, { recursive: true });
  const [program, ...words] = command;
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, GRAPHMDM_URL: url, GRAPHMDM_TOKEN: adminToken },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const stop = async () => {
    // The shell's children too.
    const isRunning = child.exitCode === null && child.signalCode === null;
    if (isRunning && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await ended;
  };
  onTestFinished(stop);
  return {
    lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    ended,
    stop,
    stderr: () => stderr,
    /** Resolves when there is more on stderr. */
    saidMore: () => once(child.stderr, 'data'),
  };
}

/** Makes a program of an example, with the SDK as it is now. */
async function programOf(name: string): Promise<readonly [string, ...string[]]> {
  const source = join(folder, name);
  writeFileSync(source, examples.get(name) ?? '');
  const outfile = `${source}.mjs`;
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    nodePaths: [join(root, 'node_modules')],
    alias: {
      '@graphmdm/sdk/live': join(sdk, 'live.ts'),
      '@graphmdm/sdk/urql': join(sdk, 'urql.ts'),
      '@graphmdm/sdk': join(sdk, 'index.ts'),
    },
    logLevel: 'silent',
  });
  return [process.execPath, outfile];
}

/** All that a program prints until it ends. */
async function output({ lines, ended, stderr }: ReturnType<typeof start>): Promise<string[]> {
  const all: string[] = [];
  for (let next = await lines.next(); !next.done; next = await lines.next()) all.push(next.value);
  expect(await ended, stderr()).toBe(0);
  return all;
}

/** The next lines with a word, until so many different ones have come. */
async function linesWith({ lines }: ReturnType<typeof start>, word: string, count: number) {
  const found: string[] = [];
  while (new Set(found).size < count) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`it ended after ${JSON.stringify(found)}`);
    if (value.includes(word)) found.push(value);
  }
  return found;
}

describe('docs/clients.md', () => {
  it('has no examples but those that are tried here', () => {
    expect([...examples.keys()]).toEqual([
      'find.ts',
      'send.ts',
      'follow.ts',
      'leave.ts',
      'app.ts',
      'lab.sh',
      'follow.sh',
      'follow.py',
    ]);
    // And the one that packs the SDK, which has a test of its own.
    expect(fences).toBe(examples.size + 1);
  });

  it('has examples with the right types', () => {
    for (const [name, text] of examples) {
      if (name.endsWith('.ts')) writeFileSync(join(folder, name), text);
    }
    const config = join(folder, 'tsconfig.json');
    writeFileSync(
      config,
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          rootDir: '/',
          noEmit: true,
          noPropertyAccessFromIndexSignature: false,
          module: 'preserve',
          moduleResolution: 'bundler',
          typeRoots: [join(root, 'node_modules', '@types')],
          paths: {
            '@graphmdm/sdk': [join(sdk, 'index.ts')],
            '@graphmdm/sdk/*': [join(sdk, '*.ts')],
            '@urql/core': [join(root, 'node_modules', '@urql', 'core')],
          },
        },
        include: ['*.ts'],
        exclude: [],
      }),
    );
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const checked = spawnSync(process.execPath, [tsc, '-p', config], { encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stdout: '' });
  });

  it('finds devices', async () => {
    const found = start('find', await programOf('find.ts'), server.url);
    expect(await output(found)).toEqual([
      expect.stringContaining(`${device.enrollmentId} ${device.facts.serialNumber}`),
    ]);
  });

  it('sends a command and follows it to its end', async () => {
    const sent = start('send', await programOf('send.ts'), server.url);
    expect(await linesWith(sent, 'sent', 1)).toEqual(['sent to 1']);
    await device.channel.connect();
    expect(await output(sent)).toEqual([`${device.enrollmentId} Acknowledged`]);
  });

  it('tells what was got wrong', async () => {
    const left = start('leave', await programOf('leave.ts'), server.url);
    const [line] = await output(left);
    expect(line).toBe('No device has the id nobody.');
  });

  it('shows an urql app what happens', async () => {
    const app = start('app', await programOf('app.ts'), server.url);
    const [line] = await linesWith(app, device.enrollmentId, 1);
    expect(line).toContain('EnrollmentAuthenticatedEvent');
  });

  it('works on devices from a shell', async () => {
    const bin = join(folder, 'bin');
    const cwd = join(folder, 'lab-runs');
    for (const path of [bin, cwd]) mkdirSync(path, { recursive: true });
    const program = await bundled(folder);
    const words = `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`;
    writeFileSync(join(bin, 'graphmdm'), words, { mode: 0o755 });
    writeFileSync(join(cwd, 'token-file'), `${adminToken}\n`);
    commands += 1;
    const uuid = `documented-${commands}`;
    writeFileSync(join(cwd, 'info.plist'), aCommand(uuid));
    const { serialNumber } = device.facts;
    const setting = `set -e; PATH="${bin}:$PATH"; export XDG_CONFIG_HOME="$PWD"; SERIAL=${serialNumber}\n`;
    const script = setting + (examples.get('lab.sh') ?? '');
    const lab = start('lab', ['sh', '-c', script], server.url);
    const { enrollmentId } = device;
    const [found] = await linesWith(lab, enrollmentId, 1);
    expect(JSON.parse(found?.slice(1) ?? '')).toEqual({ enrollmentId, serialNumber });
    // It is told on stderr when it waits.
    while (!lab.stderr().includes('is queued for 1')) await lab.saidMore();
    await device.channel.connect();
    const rest = (await output(lab)).join('\n');
    expect(rest).toMatch(/changedCount\t1\n/);
    expect(rest).toContain(`\t${enrollmentId}\tAcknowledged\tProfileList\t`);
    expect(rest).toContain(`{"uuid":"${uuid}","requestType":"ProfileList"}`);
    expect(rest).toContain(`{"type":"CommandAnswered","enrollmentId":"${enrollmentId}"}`);
    expect(rest).toContain('"action":"enqueueCommand"');
  });

  const followers = [
    ['follow.ts', () => programOf('follow.ts'), true],
    ['follow.sh', async () => ['sh', '-c', examples.get('follow.sh') ?? ''] as const, hasCurl],
    [
      'follow.py',
      async () => ['python3', '-c', examples.get('follow.py') ?? ''] as const,
      hasPython,
    ],
  ] as const;

  for (const [name, command, isHere] of followers) {
    const title = `follows through cuts and its own restart: ${name}`;
    it.skipIf(!isHere)(
      isHere ? title : `${title} (skipped: the program for it is not here)`,
      async () => {
        const cuts = [900, 700];
        const proxy: CuttingProxy = await startCuttingProxy(
          server.port,
          () => cuts.shift() ?? null,
        );
        onTestFinished(proxy.close);
        for (let n = 0; n < 3; n += 1) await answered();
        const before = commands + 1;
        const first = start(name, await command(), proxy.url);
        const seen = await linesWith(first, 'Acknowledged', before);
        await proxy.cutSoOften(2);
        await first.stop();
        await answered();
        await answered();
        const second = start(name, await command(), proxy.url);
        while (new Set(seen).size < before + 2) {
          seen.push(...(await linesWith(second, 'Acknowledged', 1)));
        }
        // Killed between an effect and its cursor it does the one again, and no more.
        expect(seen.length - new Set(seen).size).toBeLessThanOrEqual(1);
      },
    );
  }
});
