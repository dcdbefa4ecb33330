import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartupError } from '../../server/model/errors.ts';
import { type Log, silentLog } from '../../server/model/log.ts';
import { layOut } from '../../server/store/embedded/layout.ts';
import { type Embedded, openEmbedded } from '../../server/store/embedded/open.ts';
import { findPostgresPackage } from '../../server/store/embedded/package.ts';
import { findPlace } from '../../server/store/embedded/place.ts';
import { builtProgram } from '../harness/built-package.ts';

const log = silentLog;
const isRoot = process.getuid?.() === 0;

let folder = '';
let opened: Embedded[] = [];
let holders: Holder[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'graphmdm-embedded-'));
  fs.chmodSync(folder, 0o711);
});

afterEach(async () => {
  for (const embedded of opened) await embedded.stop();
  for (const holder of holders) await holder.stop();
  opened = [];
  holders = [];
  fs.rmSync(folder, { recursive: true, force: true });
});

async function open(dataDir: string, withLog: Log = log): Promise<Embedded> {
  const embedded = await openEmbedded({ dataDir, log: withLog });
  opened.push(embedded);
  return embedded;
}

async function query(embedded: Embedded, sql: string): Promise<unknown[]> {
  const client = new Client(embedded.connection);
  // A server that is killed says so here too; the query's own failure is what counts.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function serverPid(dataDir: string): number | null {
  const file = join(dataDir, 'database', 'postmaster.pid');
  if (!fs.existsSync(file)) return null;
  return Number.parseInt(fs.readFileSync(file, 'utf8'), 10);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface Holder {
  readonly child: ChildProcess;
  readonly answer: Record<string, unknown>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Another process that uses the folder's embedded database. */
async function hold(dataDir: string): Promise<Holder> {
  const program = fileURLToPath(new URL('../harness/embedded-holder.mjs', import.meta.url));
  const built = ['server/store/embedded/open.js', 'server/model/log.js'].map(builtProgram);
  const child = spawn(process.execPath, [program, ...built, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const holder = {
    child,
    answer: JSON.parse(String(line)),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
  holders.push(holder);
  return holder;
}

describe('the embedded PostgreSQL', () => {
  it('starts in a new folder, keeps what was written, and is gone after stop', async () => {
    const dataDir = join(folder, 'data');
    const first = await open(dataDir);
    await query(first, 'create table t (n int)');
    await query(first, 'insert into t values (7)');
    const pid = serverPid(dataDir);
    await first.stop();
    expect(serverPid(dataDir)).toBeNull();
    expect(pid === null || isAlive(pid)).toBe(false);

    const second = await open(dataDir);
    expect(await query(second, 'select n from t')).toEqual([{ n: 7 }]);
  });

  it('is durable, opens no TCP port, and orders text by its bytes', async () => {
    const embedded = await open(join(folder, 'data'));
    expect(
      await query(
        embedded,
        `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
           current_setting('listen_addresses') as tcp, current_setting('data_checksums') as checksums,
           current_setting('server_encoding') as encoding, 'B' < 'a' as bytes`,
      ),
    ).toEqual([
      { fsync: 'on', commit: 'on', tcp: '', checksums: 'on', encoding: 'UTF8', bytes: true },
    ]);
  });

  it.runIf(isRoot && process.platform === 'linux')(
    'under root runs as another user, without our environment',
    async () => {
      process.env['GRAPHMDM_ADMIN_TOKEN'] = 'planted-secret-token';
      const dataDir = join(folder, 'data');
      await open(dataDir);
      delete process.env['GRAPHMDM_ADMIN_TOKEN'];
      const pid = serverPid(dataDir);
      expect(fs.statSync(`/proc/${pid}`).uid).not.toBe(0);
      expect(fs.readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('planted-secret-token');
      expect(fs.statSync(join(dataDir, 'socket')).mode & 0o777).toBe(0o700);
    },
  );

  it.runIf(isRoot)('goes elsewhere when the data folder is one only root can enter', async () => {
    const closed = join(folder, 'closed');
    fs.mkdirSync(closed, { mode: 0o700 });
    const lines: string[] = [];
    const embedded = await open(join(closed, 'data'), {
      ...silentLog,
      warn: (fields, message) => lines.push(`${message} ${JSON.stringify(fields)}`),
    });
    expect(embedded.folder).toMatch(/^\/var\/lib\/graphmdm\/[\da-f]{16}$/);
    expect(lines.join()).toContain(embedded.folder);
    await query(embedded, 'create table kept (n int)');
    await embedded.stop();

    // Opening the folder later must not hide what is there already behind a new, empty database.
    fs.chmodSync(closed, 0o755);
    const again = await open(join(closed, 'data'));
    expect(again.folder).toBe(embedded.folder);
    expect(await query(again, 'select * from kept')).toEqual([]);
    await again.stop();
    fs.rmSync(embedded.folder, { recursive: true });
  });

  it.runIf(isRoot)('refuses to pass over a database that can no longer be reached', async () => {
    const closed = join(folder, 'closed');
    fs.mkdirSync(join(closed, 'data', 'database'), { recursive: true });
    fs.chmodSync(closed, 0o700);
    expect(() => findPlace(join(closed, 'data'), join(folder, 'elsewhere'))).toThrow(
      /cannot enter.*chmod o\+x.*DATABASE_URL/,
    );
    expect(fs.existsSync(join(folder, 'elsewhere'))).toBe(false);
  });

  it('is found and used when the process that started it was killed, and stopped in the end', async () => {
    const dataDir = join(folder, 'data');
    const holder = await hold(dataDir);
    const pid = serverPid(dataDir);
    await holder.kill();

    const joined = await open(dataDir);
    expect(serverPid(dataDir)).toBe(pid);
    expect(await query(joined, 'select 1 as one')).toEqual([{ one: 1 }]);
    await joined.stop();
    expect(serverPid(dataDir)).toBeNull();
    await expect(query(joined, 'select 1')).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  });

  it('recovers what was committed when all of it was killed', async () => {
    const dataDir = join(folder, 'data');
    const holder = await hold(dataDir);
    const client = new Client({
      host: join(dataDir, 'socket'),
      user: 'graphmdm',
      database: 'graphmdm',
    });
    client.on('error', () => {});
    await client.connect();
    await client.query('create table t as select generate_series(1, 1000) as n');
    await holder.kill();
    process.kill(serverPid(dataDir) ?? 0, 'SIGKILL');
    const again = await open(dataDir);
    expect(await query(again, 'select count(*)::int as n from t')).toEqual([{ n: 1000 }]);
  });

  it('is shared by processes that start at once on a new folder; the last one stops it', async () => {
    const dataDir = join(folder, 'data');
    const all = await Promise.all([hold(dataDir), hold(dataDir), open(dataDir)]);
    const [one, two, mine] = all;
    expect([one.answer['ready'], two.answer['ready']]).toEqual([true, true]);
    const pid = serverPid(dataDir);
    await one.stop();
    await two.stop();
    expect(serverPid(dataDir)).toBe(pid);
    expect(await query(mine, 'select 1 as one')).toEqual([{ one: 1 }]);
    await mine.stop();
    expect(serverPid(dataDir)).toBeNull();
    expect(fs.readdirSync(dataDir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('is started again when it is killed under us', async () => {
    const dataDir = join(folder, 'data');
    let back = () => {};
    const isBack = new Promise<void>((resolve) => {
      back = resolve;
    });
    const embedded = await open(dataDir, {
      ...silentLog,
      info: (_, message) => {
        if (message === 'the embedded database is back') back();
      },
    });
    await query(embedded, 'create table t as select 5 as n');
    const pid = serverPid(dataDir);
    process.kill(pid ?? 0, 'SIGKILL');
    await isBack;
    expect(serverPid(dataDir)).not.toBe(pid);
    expect(await query(embedded, 'select n from t')).toEqual([{ n: 5 }]);
  });

  it('works in a folder whose path is too long for a socket', async () => {
    const dataDir = join(folder, ...Array.from({ length: 8 }, () => 'a-rather-long-folder-name'));
    const embedded = await open(dataDir);
    expect(Buffer.byteLength(dataDir)).toBeGreaterThan(107);
    expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
    const again = await open(dataDir);
    expect(again.connection.host).toBe(embedded.connection.host);
    await again.stop();
    await embedded.stop();
    fs.rmSync(embedded.connection.host ?? '', { recursive: true });
  });

  it('works in a folder whose name has spaces, commas and an apostrophe', async () => {
    const embedded = await open(join(folder, "a b, c's"));
    expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a data folder that cannot be written, naming the settings', async () => {
    fs.writeFileSync(join(folder, 'file'), '');
    const attempt = openEmbedded({ dataDir: join(folder, 'file', 'data'), log });
    await expect(attempt).rejects.toThrow(StartupError);
    await expect(attempt).rejects.toThrow(/cannot be written.*--data-dir.*DATABASE_URL/);
  });

  it('refuses a folder of a newer PostgreSQL and leaves it as it was', async () => {
    const dataDir = join(folder, 'data');
    fs.mkdirSync(join(dataDir, 'database'), { recursive: true });
    fs.writeFileSync(join(dataDir, 'database', 'PG_VERSION'), '99\n');
    if (isRoot) fs.chownSync(join(dataDir, 'database'), 65_534, 65_534);
    const attempt = openEmbedded({ dataDir, log });
    await expect(attempt).rejects.toThrow(StartupError);
    await expect(attempt).rejects.toThrow(/belongs to PostgreSQL 99.*DATABASE_URL/);
    expect(fs.readdirSync(join(dataDir, 'database'))).toEqual(['PG_VERSION']);
  });

  it('tells PostgreSQL’s own reason when it does not start', async () => {
    const dataDir = join(folder, 'data');
    await (await open(dataDir)).stop();
    fs.rmSync(join(dataDir, 'database', 'global', 'pg_control'));
    await expect(openEmbedded({ dataDir, log })).rejects.toThrow(/pg_control.*DATABASE_URL/s);
  });

  it('is not there for every platform, and says so', () => {
    for (const platform of ['linux x64 with musl', 'freebsd x64']) {
      expect(() => findPostgresPackage(platform)).toThrow(
        `There is no embedded PostgreSQL for ${platform}. Set DATABASE_URL`,
      );
    }
  });
});

describe('PostgreSQL’s files', () => {
  it('are laid out from a package that is read-only and closed to others', async () => {
    const source = findPostgresPackage();
    const native = join(folder, 'node_modules', 'native');
    fs.cpSync(source.native, native, { recursive: true });
    closeToOthers(native);
    const before = namesIn(native);

    const target = join(folder, 'data');
    fs.mkdirSync(target);
    const programs = await layOut({ ...source, native }, target);
    expect(fs.statSync(join(programs, 'bin', 'postgres')).mode & 0o777).toBe(0o755);
    expect(fs.statSync(join(programs, 'share')).mode & 0o777).toBe(0o755);
    expect(namesIn(native)).toEqual(before);
    reopen(native);
  });

  it('have the links that npm leaves out', async () => {
    const source = findPostgresPackage();
    const programs = await layOut(source, folder);
    const links = fs
      .readdirSync(join(programs, 'lib'))
      .filter((name) => fs.lstatSync(join(programs, 'lib', name)).isSymbolicLink());
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(fs.existsSync(join(programs, 'lib', link))).toBe(true);
  });

  it('are laid out once by many starts at once, with nothing left over', async () => {
    const source = findPostgresPackage();
    const all = await Promise.all([
      layOut(source, folder),
      layOut(source, folder),
      layOut(source, folder),
    ]);
    expect(new Set(all).size).toBe(1);
    expect(fs.readdirSync(folder)).toEqual([`postgresql-${source.version}`]);
  });
});

function namesIn(path: string): ReadonlySet<string> {
  return new Set(fs.readdirSync(path, { recursive: true, encoding: 'utf8' }));
}

function closeToOthers(path: string): void {
  const isFolder = fs.statSync(path).isDirectory();
  if (isFolder) for (const name of fs.readdirSync(path)) closeToOthers(join(path, name));
  fs.chmodSync(path, isFolder || dirname(path).endsWith('bin') ? 0o500 : 0o400);
}

/** So that the folder can be removed by who is not root. */
function reopen(path: string): void {
  if (!fs.statSync(path).isDirectory()) return;
  fs.chmodSync(path, 0o700);
  for (const name of fs.readdirSync(path)) reopen(join(path, name));
}
