import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Post, Reply } from '../../clients/simulator/http.ts';
import { copyPackage, layOutPackage } from '../harness/built-package.ts';
import { runProcess, scratchFolder, startProcess } from '../harness/process.ts';
import { isRunning, postmasterIn } from '../harness/process-tree.ts';
import { movingFleet } from './fleet.ts';

const npm = ['npm', 'start', '--silent', '--'] as const;
const env = { npm_config_update_notifier: 'false' };

let installed = '';
beforeAll(() => {
  installed = mkdtempSync(join(tmpdir(), 'graphmdm-built-'));
  chmodSync(installed, 0o711);
  copyPackage(installed);
});
afterAll(() => rmSync(installed, { recursive: true, force: true }));

/** Sends half of a message, and the rest when `whole` says so. */
function inTwoHalves(agent: Agent): {
  readonly send: (post: Post) => Promise<Reply>;
  /** The server has begun to read it. */
  readonly begun: Promise<void>;
  finish(): void;
} {
  let begin = (): void => {};
  let finish = (): void => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const wanted = new Promise<void>((resolve) => (finish = resolve));
  const send = ({ url, contentType, headers, body }: Post): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const half = Math.floor(body.length / 2);
      const sent = request(url, {
        method: 'PUT',
        agent,
        headers: {
          ...headers,
          'Content-Type': contentType,
          'Content-Length': body.length,
          Expect: '100-continue',
        },
      });
      sent.on('error', reject);
      sent.on('continue', () => {
        sent.write(body.subarray(0, half));
        begin();
        void wanted.then(() => sent.end(body.subarray(half)));
      });
      sent.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const { statusCode: status = 0, headers: answered } = response;
          const type = answered['content-type'] ?? '';
          resolve({ status, contentType: type, body: Buffer.concat(parts), milliseconds: 0 });
        });
      });
      sent.flushHeaders();
    });
  return { send, begun, finish: () => finish() };
}

/** Whether somebody takes connections there. */
function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A server that npm has started, in the middle of a device's message. */
async function startedAndBusy() {
  const folder = scratchFolder();
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const slow = inTwoHalves(agent);
  const { devices, ca, moveTo, close } = await movingFleet(1, folder, slow.send);
  onTestFinished(close);
  const dataDir = join(folder, 'data');
  const flags = ['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--ca', ca];
  const server = startProcess(flags, { command: npm, cwd: installed, env });
  const { port, pid } = await server.listening;
  moveTo(port);
  // Null when the server was cut off.
  const answer = devices[0]?.authenticate().catch(() => null);
  await slow.begun;
  return { server, port, pid, slow, answer, database: join(dataDir, 'database') };
}

describe('npm start', () => {
  it('alone sent SIGTERM answers what is in flight, takes nothing new, and ends with 0', async () => {
    const { server, pid, port, slow, answer, database } = await startedAndBusy();
    expect(pid).not.toBe(server.pid);
    const postmaster = postmasterIn(database);
    expect(postmaster).not.toBeNull();

    server.signal('SIGTERM');
    expect(await server.logged('stopping')).toMatchObject({ signal: 'SIGTERM' });
    while (await takesConnections(port));
    expect(isRunning(pid)).toBe(true);
    slow.finish();
    expect((await answer)?.status).toBe(200);

    const { status, signal, stdout } = await server.ended;
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    expect(stdout).toContain('"msg":"stopped"');
    expect(stdout).not.toContain('did not stop');
    // The connection is kept alive by its client; only what is in flight may hold the end up.
    expect(stdout).not.toContain('were cut');
    expect(isRunning(pid)).toBe(false);
    expect(isRunning(postmaster ?? 0)).toBe(false);
    expect(postmasterIn(database)).toBeNull();
  });

  it('hears one Ctrl-C once, though npm passes it on as well, and another one later', async () => {
    const start = async () => {
      const started = await startedAndBusy();
      const { server, pid, port } = started;
      // From the terminal, and from npm, which heard it too.
      process.kill(pid, 'SIGINT');
      await server.logged('stopping');
      server.signal('SIGINT');
      while (await takesConnections(port));
      return started;
    };
    const once = await start();
    once.slow.finish();
    expect((await once.answer)?.status).toBe(200);
    const { status, stdout } = await once.server.ended;
    expect(stdout).toContain('"msg":"stopped"');
    expect(status).toBe(0);
    expect(postmasterIn(once.database)).toBeNull();

    const again = await start();
    const impatient = setInterval(() => {
      if (isRunning(again.pid)) process.kill(again.pid, 'SIGINT');
    }, 100);
    const { status: cutOff, stdout: said } = await again.server.ended;
    clearInterval(impatient);
    expect(cutOff).toBe(1);
    expect(said).not.toContain('"msg":"stopped"');
  }, 90_000);

  it('passes flags and the status on', async () => {
    const options = { command: npm, cwd: installed, env };
    const { status, stderr } = await runProcess(['--listen', 'nowhere'], options);
    expect(status).toBe(1);
    expect(stderr).toContain('--listen');
  });

  it('names npm run build when there is nothing to start', async () => {
    const empty = scratchFolder();
    layOutPackage(empty);
    const { status, stderr } = await runProcess([], { command: npm, cwd: empty, env });
    expect(status).toBe(1);
    expect(stderr).toContain('npm run build');
  });
});
