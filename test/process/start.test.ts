import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync, existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../graph/ask.ts';
import { builtProgram } from '../harness/built-package.ts';
import { testDatabase } from '../harness/database.ts';
import { runProcess, scratchFolder, startProcess } from '../harness/process.ts';
import { postmasterIn } from '../harness/process-tree.ts';
import { startServer, testKey } from '../harness/server.ts';
import { eventCursor } from './documents.ts';

const anyPort = ['--listen', '127.0.0.1:0'] as const;

/** Permissions of a file, as `ls` would tell them. */
function mode(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

describe('a server', () => {
  it('tells its port first and how it is, makes a key and a token for its owner only, and neither again', async () => {
    const dataDir = join(scratchFolder(), 'data');
    const files = ['secret.key', 'admin-token'].map((name) => join(dataDir, name));
    const first = startProcess([...anyPort, '--data-dir', dataDir]);
    const { port, pid, graphqlUrl } = await first.listening;
    expect(first.log[0]).toMatchObject({ msg: 'listening', port });
    expect(port).toBeGreaterThan(0);
    expect(pid).toBe(first.pid);

    const url = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ status: 'ready', checks: { database: 'ok' } });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('graphmdm_database_hot_connections_open');
    expect(metrics).toMatch(/^process_cpu_seconds_total /m);

    expect(files.map(mode)).toEqual(['600', '600']);
    const made = files.map((file) => readFileSync(file, 'utf8'));
    const [key = '', token = ''] = made.map((text) => text.trim());
    expect(await ask({ url: graphqlUrl }, token, eventCursor)).toMatchObject({
      data: { eventCursor: expect.any(String) },
    });
    const { status, stdout, stderr } = await first.stop();
    expect(status).toBe(0);
    expect(stdout.split('\n')[0]).toBe(JSON.stringify(first.log[0]));
    expect(stdout).toContain('admin-token');
    expect(stdout + stderr).not.toContain(token);
    expect(stdout + stderr).not.toContain(key);

    // Neither is made again.
    const before = files.map((file) => statSync(file).mtimeMs);
    const second = startProcess([...anyPort, '--data-dir', dataDir]);
    const again = await second.listening;
    expect(await ask({ url: again.graphqlUrl }, token, eventCursor)).toMatchObject({
      data: { eventCursor: expect.any(String) },
    });
    const { stdout: log } = await second.stop();
    expect(log).not.toContain('admin-token');
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(made);
    expect(files.map((file) => statSync(file).mtimeMs)).toEqual(before);
    expect(postmasterIn(join(dataDir, 'database'))).toBeNull();
  });

  it('goes on when nobody reads its log any more, and still ends as it should', async () => {
    const store = await testDatabase();
    onTestFinished(() => store.drop());
    const server = startProcess([
      ...[...anyPort, '--database-url', store.url, '--data-dir', scratchFolder()],
      ...['--log-level', 'debug'],
    ]);
    const { url, deviceUrl } = await server.listening;
    server.hangUp();
    for (let time = 0; time < 3; time += 1) {
      const { status } = await fetch(deviceUrl, { method: 'PUT', body: 'nonsense' });
      expect(status).toBeGreaterThanOrEqual(400);
    }
    expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' });
    expect(await server.stop()).toMatchObject({ status: 0, signal: null });
  });

  it('goes on when it hears SIGHUP and has no terminal', async () => {
    const store = await testDatabase();
    onTestFinished(() => store.drop());
    const flags = [...anyPort, '--database-url', store.url, '--data-dir', scratchFolder()];
    const server = startProcess(flags);
    const { url } = await server.listening;
    server.signal('SIGHUP');
    await server.logged('without --workers there is nothing to replace; SIGTERM stops the server');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await server.stop()).status).toBe(0);
  });

  it.runIf(spawnSync('script', ['--version']).stdout?.includes('util-linux'))(
    'ends as it should when its terminal is closed, its database too',
    async () => {
      const dataDir = join(scratchFolder(), 'data');
      const words = [process.execPath, builtProgram('server/main.js'), ...anyPort];
      const line = [...words, '--data-dir', dataDir].map((word) => `'${word}'`).join(' ');
      const server = startProcess([], { command: ['script', '-qfec', line, '/dev/null'] });
      const { pid } = await server.listening;
      expect(postmasterIn(join(dataDir, 'database'))).not.toBeNull();
      process.kill(pid, 'SIGHUP');
      await server.logged('stopped');
      expect((await server.ended).status).toBe(0);
      expect(postmasterIn(join(dataDir, 'database'))).toBeNull();
    },
  );

  it('that finds its port taken ends with status 1 and has touched nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const dataDir = join(scratchFolder(), 'data');
    const { status, stdout, stderr } = await runProcess([
      ...['--listen', `127.0.0.1:${port}`, '--data-dir', dataDir],
    ]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('--listen');
    expect(stderr).toContain(String(port));
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('names --data-dir when the folder cannot be written', async () => {
    // Root may write everywhere, but nobody can make a folder below a file.
    const file = join(scratchFolder(), 'file');
    writeFileSync(file, '');
    const { status, stderr } = await runProcess([...anyPort, '--data-dir', join(file, 'data')]);
    expect(status).toBe(1);
    expect(stderr).toContain('--data-dir');
    expect(stderr).toContain(file);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.skipIf(process.getuid?.() === 0)('names --data-dir when it may not write there', async () => {
    const closed = join(scratchFolder(), 'closed');
    mkdirSync(closed, { mode: 0o500 });
    const { status, stderr } = await runProcess([...anyPort, '--data-dir', join(closed, 'data')]);
    expect(status).toBe(1);
    expect(stderr).toContain('--data-dir');
  });

  it('refuses a folder whose database another PostgreSQL has made, and leaves it alone', async () => {
    const dataDir = join(scratchFolder(), 'data');
    const version = join(dataDir, 'database', 'PG_VERSION');
    mkdirSync(join(dataDir, 'database'), { recursive: true });
    writeFileSync(version, '99\n');
    const { status, stderr } = await runProcess([...anyPort, '--data-dir', dataDir]);
    expect(status).toBe(1);
    expect(stderr).toContain('PostgreSQL 99');
    expect(readFileSync(version, 'utf8')).toBe('99\n');
  });

  it('refuses a database that a newer version has migrated, by the migration’s name', async () => {
    const store = await testDatabase();
    onTestFinished(() => store.drop());
    await store.database.graph.query(`
      insert into _prisma_migrations (id, checksum, migration_name, finished_at)
      values ('x', 'x', '29990101000000_from_the_future', now())`);
    const { status, stderr } = await runProcess([
      ...[...anyPort, '--database-url', store.url, '--data-dir', scratchFolder()],
    ]);
    expect(status).toBe(1);
    expect(stderr).toContain('29990101000000_from_the_future');
    expect(stderr).toContain('newer');
  });

  it('refuses a database that another key has sealed, and says which setting is missing', async () => {
    const store = await testDatabase();
    onTestFinished(() => store.drop());
    const flags = [...anyPort, '--database-url', store.url, '--data-dir', scratchFolder()];
    await (await startServer({ store })).stop();
    const right = testKey.toString('base64');
    const wrong = Buffer.alloc(32, 1).toString('base64');

    const refused = await runProcess(flags, { env: { GRAPHMDM_SECRET_KEY: wrong } });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--secret-key');
    expect(refused.stdout + refused.stderr).not.toContain(wrong);
    expect((await runProcess(flags)).status).toBe(1);

    const both = startProcess(flags, { env: { GRAPHMDM_SECRET_KEY: `${wrong},${right}` } });
    await both.listening;
    expect((await both.stop()).status).toBe(0);
  });
});

/** How many of each a folder's running database has. */
async function made(dataDir: string): Promise<unknown> {
  const client = new Client({
    host: join(dataDir, 'socket'),
    port: 5432,
    user: 'graphmdm',
    database: 'graphmdm',
  });
  await client.connect();
  try {
    const { rows } = await client.query(`select (select count(*)::int from api_token) as tokens,
      (select count(*)::int from keyring_check) as keys`);
    return rows[0];
  } finally {
    await client.end();
  }
}

describe('three first starts at once', () => {
  it('share one embedded database, make one key and one token, and the last to leave stops it', async () => {
    const dataDir = join(scratchFolder(), 'data');
    const servers = [1, 2, 3].map(() => startProcess([...anyPort, '--data-dir', dataDir]));
    const urls = await Promise.all(servers.map(async (server) => await server.listening));
    expect(await made(dataDir)).toEqual({ tokens: 1, keys: 1 });
    const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
    for (const { graphqlUrl } of urls) {
      expect(await ask({ url: graphqlUrl }, token, eventCursor)).toMatchObject({
        data: { eventCursor: expect.any(String) },
      });
    }
    const database = join(dataDir, 'database');
    const [first, ...rest] = servers;
    expect((await first?.stop())?.status).toBe(0);
    expect(postmasterIn(database)).not.toBeNull();
    for (const server of rest) expect((await server.stop()).status).toBe(0);
    expect(postmasterIn(database)).toBeNull();
    const told = servers.flatMap(({ log }) =>
      log.filter(({ msg }) => String(msg).includes('made the first admin token')),
    );
    expect(told).toHaveLength(1);
  });
});
