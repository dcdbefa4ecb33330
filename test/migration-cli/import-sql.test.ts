import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import {
  type Execute,
  fillCertificate,
  fillCommand,
  fillDevice,
  fillJunk,
  fillQueue,
  fillUser,
  makeNanomdmTables,
  mysqlTypes,
  postgresTypes,
} from '../build/nanomdm-tables.ts';
import { graphmdm } from '../cli/cli.ts';
import { emptyDatabase } from '../harness/database.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** A database with NanoMDM's tables. */
interface Storage {
  readonly dsn: string;
  readonly execute: Execute;
  drop(): Promise<void>;
}

async function onPostgres(): Promise<Storage> {
  const database = await emptyDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  // As a NanoMDM whose sessions are not in UTC.
  await client.query(`set timezone = 'Europe/Berlin'`);
  let number = 0;
  const execute: Execute = (sql, values = []) => {
    number = 0;
    return client.query(
      sql.replaceAll('?', () => `$${++number}`),
      [...values],
    );
  };
  await makeNanomdmTables(execute, postgresTypes);
  return {
    dsn: database.url,
    execute,
    async drop() {
      await client.end();
      await database.drop();
    },
  };
}

const mysqlUrl = process.env['TEST_MYSQL_URL'] ?? 'mysql://root@127.0.0.1:3306/';

function mysqlAt(uri: string): { readonly execute: Execute; end(): void } {
  const connection = createConnection({ uri });
  connection.on('error', () => {});
  return {
    execute: (sql, values = []) =>
      new Promise((resolve, reject) => {
        connection.query(sql, [...values], (error: Error | null, rows) =>
          error ? reject(error) : resolve(rows),
        );
      }),
    end: () => connection.destroy(),
  };
}

async function onMysql(): Promise<Storage> {
  const name = `graphmdm_test_${randomBytes(5).toString('hex')}`;
  const admin = mysqlAt(mysqlUrl);
  await admin.execute(`create database ${name}`);
  const dsn = new URL(name, mysqlUrl).href;
  const at = mysqlAt(dsn);
  await at.execute(`set time_zone = '+01:00'`);
  await makeNanomdmTables(at.execute, mysqlTypes);
  return {
    dsn,
    execute: at.execute,
    async drop() {
      at.end();
      await admin.execute(`drop database ${name}`);
      admin.end();
    },
  };
}

async function hasMysql(): Promise<boolean> {
  const at = mysqlAt(mysqlUrl);
  try {
    await at.execute('select 1');
    return true;
  } catch (error) {
    process.stderr.write(`Without MySQL (TEST_MYSQL_URL): ${String(Object(error).code)}\n`);
    return false;
  } finally {
    at.end();
  }
}

const mysql = await hasMysql();

describe.each([
  { name: 'PostgreSQL', open: onPostgres, there: true },
  { name: 'MariaDB', open: onMysql, there: mysql },
])("an import of NanoMDM's tables on $name", ({ open, there, name }) => {
  let server: TestServer;
  let storage: Storage;
  let device: Device;
  let gone: Device;
  let early: Device;
  const zone = name === 'PostgreSQL' ? ['--source-timezone', 'Europe/Berlin'] : [];

  beforeAll(async () => {
    if (!there) return;
    server = await startServer();
    storage = await open();
    const { execute } = storage;
    device = await server.device(1);
    gone = await server.device(2);
    early = await server.device(3);
    await fillDevice(execute, device, { tally: 7 });
    await fillCertificate(execute, device.enrollmentId, 'cd'.repeat(32));
    await fillUser(execute, device, { id: 'u1', shortName: 'ann', tally: 3 });
    await fillUser(execute, device, { id: 'u2', shortName: 'ben' });
    await fillDevice(execute, gone, { enabled: false });
    await fillDevice(execute, early);
    await execute('delete from enrollments where id = ?', [early.enrollmentId]);
    await fillJunk(execute);
    const id = device.enrollmentId;
    // In no order that anything else could make: neither by name nor as they were written.
    for (const [uuid, at] of [
      ['Q-SECOND', 62],
      ['Q-FIRST', 61],
      ['Q-URGENT', 70],
      ['Q-PUT-OFF', 60],
      ['Q-DONE', 50],
      ['Q-CLEARED', 40],
      ['Q-OF-GONE', 41],
    ] as const) {
      await fillCommand(execute, uuid, at);
    }
    await fillQueue(execute, id, 'Q-SECOND', { at: 62 });
    await fillQueue(execute, id, 'Q-FIRST', { at: 61 });
    await fillQueue(execute, id, 'Q-URGENT', { at: 70, priority: 1 });
    await fillQueue(execute, id, 'Q-PUT-OFF', { at: 60, status: 'NotNow' });
    await fillQueue(execute, id, 'Q-DONE', { at: 50, status: 'Acknowledged' });
    await fillQueue(execute, id, 'Q-CLEARED', { at: 40, active: false });
    await fillQueue(execute, `${id}:u1`, 'Q-FIRST', { at: 61 });
    await fillQueue(execute, gone.enrollmentId, 'Q-OF-GONE', { at: 41 });
  });
  afterAll(async () => {
    if (!there) return;
    await server.stop();
    await storage.drop();
  });

  const run = (...more: readonly string[]) =>
    graphmdm(server, ['import', 'nanomdm', '--dsn', storage.dsn, ...zone, ...more]);
  const told = (stdout: string): Record<string, unknown>[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it.runIf(there)(
    'says in a dry run what will come and what not, and changes nothing',
    async () => {
      const { status, stdout, stderr } = await run(
        '--dry-run',
        '--json',
        'what,kind,id,code,count',
      );
      expect(stderr).toContain('would come in, 0 were refused');
      expect(status).toBe(4);
      const lines = told(stdout);
      expect(lines.filter(({ what }) => what !== 'count')).toEqual([
        expect.objectContaining({ what: 'left', id: 'GONE:user', code: 'JUNK_DEVICE' }),
        expect.objectContaining({ what: 'left', id: 'LOST:user', code: 'USER_WITHOUT_DEVICE' }),
        expect.objectContaining({ what: 'left', id: 'NOBODY', code: 'NO_DEVICE' }),
        expect.objectContaining({ what: 'left', id: gone.enrollmentId, code: 'NOT_ENABLED' }),
      ]);
      const counts = lines.filter(({ what }) => what === 'count');
      expect(Object.fromEntries(counts.map(({ kind, count }) => [kind, count]))).toEqual({
        authenticate: 3,
        bootstrapToken: 2,
        certificateAssociation: 4,
        command: 6,
        disabled: 1,
        queueEntry: 5,
        result: 2,
        tally: 3,
        timestamps: 3,
        tokenUpdate: 3,
        unlockToken: 2,
        userAuthenticate: 2,
      });
      const { rows } = await server.store.database.graph.query(
        'select count(*)::int as n from enrollment',
      );
      expect(rows).toEqual([{ n: 0 }]);
    },
  );

  it.runIf(there)('brings all of it in, finds it equal, and the device goes on', async () => {
    const { status, stdout, stderr } = await run('--verify', '--json', 'what,kind,id,code,message');
    expect(told(stdout).filter(({ what }) => !['count', 'left'].includes(String(what)))).toEqual(
      [],
    );
    expect(stderr).toMatch(/are here as they are there, 0 are not, 0 are newer here/);
    expect(status).toBe(4);
    const { rows } = await server.store.database.graph.query(
      `select token_update_tally as tally, enabled, disabled_reason as reason, token_updated_at as at
       from enrollment where id = any($1) order by array_position($1, id)`,
      [[device.enrollmentId, gone.enrollmentId, early.enrollmentId]],
    );
    expect(rows).toEqual([
      // Noon in the zone that the source's sessions had.
      { tally: 7, enabled: true, reason: null, at: new Date('2026-03-01T11:00:02.250Z') },
      expect.objectContaining({ enabled: false, reason: 'CHECKED_OUT' }),
      expect.objectContaining({ enabled: false, reason: 'AWAITING_TOKEN_UPDATE' }),
    ]);
    expect(await device.getBootstrapToken()).toEqual(
      Buffer.from(`bootstrap ${device.enrollmentId}`),
    );
    const taken = (await device.channel.connect()).map(({ command }) => command.uuid);
    expect(taken).toEqual(['Q-URGENT', 'Q-PUT-OFF', 'Q-FIRST', 'Q-SECOND']);
    const user = device.user({ id: 'u1', shortName: 'ann', longName: 'Ann' });
    expect((await user.connect()).map(({ command }) => command.uuid)).toEqual(['Q-FIRST']);
  });

  it.runIf(there)(
    'may be run again, over a device that has moved, and tells what differs',
    async () => {
      const { enrollmentId: id } = device;
      expect((await device.tokenUpdate()).status).toBe(200);
      const { stdout } = await run('--verify', '--json', 'what,kind,id,code,message');
      const different = told(stdout).filter(({ what }) => what === 'different');
      // The device has answered and told more; nothing of that was taken back.
      expect(different.map(({ kind, code }) => `${String(kind)} ${String(code)}`)).toContain(
        'queueOrder MISSING',
      );
      expect(different.every((one) => String(one['id']).startsWith(id))).toBe(true);
      expect(await device.channel.poll()).toBeNull();
    },
  );

  it.runIf(there && name === 'PostgreSQL')(
    'only reads, says what it cannot read, and shows no password',
    async () => {
      const nowhere = 'postgresql://user:planted-password@127.0.0.1:9/none';
      const { status, stderr } = await graphmdm(server, ['import', 'nanomdm', '--dsn', nowhere]);
      expect(status).toBe(1);
      expect(stderr).toContain('SOURCE_UNREADABLE');
      expect(stderr).not.toContain('planted-password');
      expect((await graphmdm(server, ['import', 'nanomdm'])).status).toBe(2);
      const other = ['import', 'nanomdm', '--dsn', 'sqlite://x'];
      expect((await graphmdm(server, other)).status).toBe(2);
      await storage.execute('drop table command_results');
      const broken = await run();
      expect(broken).toMatchObject({ status: 1 });
      expect(broken.stderr).toContain('command_results');
    },
  );
});
