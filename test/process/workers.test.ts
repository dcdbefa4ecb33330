import { Agent, request } from 'node:http';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { emptyDatabase } from '../harness/database.ts';
import { runProcess, scratchFolder, type ServerProcess, startProcess } from '../harness/process.ts';
import { isRunning, postmasterIn, withDescendants } from '../harness/process-tree.ts';

/** A server of two workers, and the process ids of its workers as its log tells them. */
async function twoWorkers(env: Readonly<Record<string, string>> = {}) {
  const dataDir = scratchFolder();
  const flags = ['--listen', '127.0.0.1:0', '--data-dir', dataDir, '--workers', '2'];
  const server = startProcess(flags, { env });
  const { url } = await server.listening;
  await server.logged('worker listening', 2);
  return { server, url, dataDir };
}

/** All workers that ever listened. */
function workersOf(server: ServerProcess): readonly number[] {
  return server.log
    .filter(({ msg }) => msg === 'worker listening')
    .map((line) => Number(line['worker']));
}

async function onServer(): Promise<Record<string, string>> {
  const store = await emptyDatabase();
  onTestFinished(() => store.drop());
  return { DATABASE_URL: store.url };
}

/**
 * Asks again and again, each time by a new connection, until told to stop: what devices ask, without a signature,
 * which a server that still starts doesn't even look at.
 */
function askWithoutEnd(url: string) {
  let stopped = false;
  const failures: string[] = [];
  const answered = new EventTarget();
  const agent = new Agent({ keepAlive: false });
  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      const failed = (error: Error): void => {
        failures.push(error.message);
        resolve();
      };
      const sent = request(`${url}/mdm`, { agent, method: 'PUT' }, (response) => {
        if (response.statusCode !== 400) failures.push(`status ${response.statusCode}`);
        response.resume().once('end', resolve).once('error', failed);
      });
      sent.once('error', failed).end('x');
    });
  const one = async (): Promise<void> => {
    while (!stopped) {
      await ask();
      answered.dispatchEvent(new Event('answer'));
    }
  };
  const all = Promise.all([one(), one()]);
  return {
    failures,
    /** Waits for the next answers, of requests that are made from now on too. */
    async goesOn() {
      for (let times = 0; times < 4; times += 1) await once(answered, 'answer');
    },
    async stop() {
      stopped = true;
      await all;
    },
  };
}

describe('a server of several workers', { timeout: 120_000 }, () => {
  it('shares one embedded database, tells where it listens once, counts for all, and ends as a whole', async () => {
    const { server, url, dataDir } = await twoWorkers();
    expect(server.log[0]).toMatchObject({ msg: 'listening', pid: server.pid });
    const times = (message: string) => server.log.filter(({ msg }) => msg === message).length;
    expect(times('listening')).toBe(1);
    // Each worker writes its own lines, so they come in no order.
    await server.logged('embedded database started');
    await server.logged('joined the embedded database that was running');
    expect(times('embedded database started')).toBe(1);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);

    const headers = { Connection: 'close' };
    // New connections go to the workers in turn.
    for (let time = 0; time < 4; time += 1) {
      await fetch(`${url}/mdm`, { method: 'PUT', body: 'x', headers });
    }
    const counted = async () => {
      const text = await (await fetch(`${url}/metrics`, { headers })).text();
      const line = /^graphmdm_device_requests_total\{kind="report",status="400"\} (\d+)$/m;
      return Number(line.exec(text)?.[1]);
    };
    expect([await counted(), await counted()]).toEqual([4, 4]);

    // What one has counted goes with it: the four were a sum. The database outlives who started it.
    process.kill(workersOf(server)[0] ?? 0, 'SIGKILL');
    await server.logged('worker listening', 3);
    const [left, again] = [await counted(), await counted()];
    expect(again).toBe(left);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(4);

    const processes = withDescendants(server.pid);
    expect(processes).toEqual(expect.arrayContaining(workersOf(server).slice(1)));
    expect((await server.stop()).status).toBe(0);
    expect(processes.filter(isRunning)).toEqual([]);
    expect(postmasterIn(join(dataDir, 'database'))).toBeNull();
  });

  it('drops no request while workers are replaced: all on SIGHUP, one that is told to end', async () => {
    const { server, url } = await twoWorkers(await onServer());
    const before = workersOf(server);
    const load = askWithoutEnd(url);
    await load.goesOn();
    server.signal('SIGHUP');
    await server.logged('all workers are new');
    expect(before.filter(isRunning)).toEqual([]);
    expect(new Set(workersOf(server)).size).toBe(4);
    await load.goesOn();

    const one = workersOf(server)[3] ?? 0;
    process.kill(one, 'SIGTERM');
    await server.logged('worker listening', 5);
    expect(isRunning(one)).toBe(false);
    await load.goesOn();
    await load.stop();
    expect(load.failures).toEqual([]);

    expect((await server.stop()).status).toBe(0);
  });

  it.each([
    ['gives a connection to another worker when', 'it', [200, 200, 200, 200]],
    ['closes a connection when', 'each', [200, 200, 200, 'closed']],
  ] as const)(
    '%s the one that it was handed to dies without taking it: %s',
    async (_, who, expected) => {
      const { server, url } = await twoWorkers(await onServer());
      const [stuck = 0, other = 0] = workersOf(server);
      process.kill(stuck, 'SIGSTOP');
      // It is handed one of them, for new connections go to the workers in turn.
      const told = new EventTarget();
      const outcomes: (number | string)[] = [];
      const ask = async (): Promise<void> => {
        const headers = { Connection: 'close' };
        const outcome = await fetch(`${url}/livez`, { headers }).then(
          ({ status }) => status,
          () => 'closed',
        );
        outcomes.push(outcome);
        told.dispatchEvent(new Event('outcome'));
      };
      const all = Promise.all([ask(), ask(), ask(), ask()]);
      while (outcomes.length < 3) await once(told, 'outcome');
      process.kill(stuck, 'SIGKILL');
      if (who === 'each') process.kill(other, 'SIGKILL');
      await all;
      expect(outcomes).toEqual(expected);
      await server.logged('worker listening', who === 'each' ? 4 : 3);
      expect((await server.stop()).status).toBe(0);
    },
  );

  it('says once that its port is taken, and touches nothing', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const folder = scratchFolder();
    const flags = ['--listen', `127.0.0.1:${port}`, '--data-dir', folder, '--workers', '3'];
    const { status, stderr, stdout } = await runProcess(flags);
    expect(status).toBe(1);
    expect(stderr.match(/another program has this port/g)).toHaveLength(1);
    expect(stdout).toBe('');
    expect(readdirSync(folder)).toEqual([]);
  });
});
