import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartupError } from '../../server/model/errors.ts';
import { type Log, silentLog } from '../../server/model/log.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { ensureKeyring } from '../../server/store/keyring-check.ts';
import { migrate } from '../../server/store/migrate.ts';
import { migrationsFolder } from '../../server/store/package-root.ts';
import { withTransaction } from '../../server/store/transaction.ts';
import { databaseLanes, emptyDatabase, type TestDatabase } from '../harness/database.ts';

const keyringTable = `create table keyring_check (
  key_id text primary key, check_value bytea not null, created_at timestamptz not null default now())`;

const log = silentLog;
let folder = '';
let test: TestDatabase;

function write(name: string, sql: string): void {
  mkdirSync(join(folder, 'migrations', name), { recursive: true });
  writeFileSync(join(folder, 'migrations', name, 'migration.sql'), sql);
}

const migrations = () => join(folder, 'migrations');
const pool = () => test.database.graph;

describe.each(databaseLanes())('migrations on the %s PostgreSQL', (lane) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'graphmdm-migrate-'));
    test = await emptyDatabase(lane);
    write('20260101000000_first', 'create table a (n int); insert into a values (1);');
    write('20260102000000_second', 'create table b (n int)');
    writeFileSync(join(migrations(), 'migration_lock.toml'), 'provider = "postgresql"\n');
  });
  afterEach(async () => {
    await test.drop();
    rmSync(folder, { recursive: true });
  });

  it('are applied in order, once, and recorded as Prisma records them', async () => {
    const names = ['20260101000000_first', '20260102000000_second'];
    expect(await migrate(pool(), migrations(), { log })).toEqual(names);
    expect(await migrate(pool(), migrations(), { log })).toEqual([]);
    const { rows } = await pool().query('select * from _prisma_migrations order by migration_name');
    expect(rows.map((row) => row.migration_name)).toEqual(names);
    expect(rows[0]).toMatchObject({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      checksum: createHash('sha256')
        .update(readFileSync(join(migrations(), '20260101000000_first', 'migration.sql')))
        .digest('hex'),
      finished_at: expect.any(Date),
      started_at: expect.any(Date),
      rolled_back_at: null,
      logs: null,
      applied_steps_count: 1,
    });
  });

  it('that are new are applied to an older database', async () => {
    await migrate(pool(), migrations(), { log });
    write('20260103000000_third', 'create table c (n int)');
    expect(await migrate(pool(), migrations(), { log })).toEqual(['20260103000000_third']);
  });

  it('wait for a table in use without keeping others from it', async () => {
    await migrate(pool(), migrations(), { log });
    write('20260103000000_third', 'alter table a add column m int');
    const reader = await pool().connect();
    try {
      // As a backup does, which reads for long.
      await reader.query('begin; select from a');
      let migrated: Promise<string[]> | undefined;
      await new Promise<void>((waits) => {
        const told: Log = { ...log, warn: () => waits() };
        migrated = migrate(pool(), migrations(), { log: told, lockPatience: 50 });
      });
      expect((await pool().query('select * from a')).rows).toEqual([{ n: 1 }]);
      await reader.query('commit');
      expect(await migrated).toEqual(['20260103000000_third']);
    } finally {
      reader.release();
    }
  });

  it('run once when many processes start at once', async () => {
    const starts = Array.from({ length: 6 }, () => migrate(pool(), migrations(), { log }));
    const applied = (await Promise.all(starts)).flat().sort();
    expect(applied).toEqual(['20260101000000_first', '20260102000000_second']);
    const { rows } = await pool().query('select count(*)::int as n from a');
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('run what comes after them one process at a time', async () => {
    let inside = 0;
    let most = 0;
    const after = async (client: { query(sql: string): Promise<unknown> }) => {
      most = Math.max(most, ++inside);
      await client.query('select count(*) from generate_series(1, 1000)');
      inside--;
    };
    await Promise.all(
      Array.from({ length: 4 }, () => migrate(pool(), migrations(), { log, after })),
    );
    expect(most).toBe(1);
  });

  it('whose file was changed are refused by name', async () => {
    await migrate(pool(), migrations(), { log });
    write('20260101000000_first', 'create table a (n bigint)');
    await expect(migrate(pool(), migrations(), { log })).rejects.toThrow(
      /20260101000000_first is not the one/,
    );
  });

  it('of a newer program make the database refuse this one, by name', async () => {
    write('20990101000000_future', 'create table f (n int)');
    await migrate(pool(), migrations(), { log });
    rmSync(join(migrations(), '20990101000000_future'), { recursive: true });
    const attempt = migrate(pool(), migrations(), { log });
    await expect(attempt).rejects.toThrow(StartupError);
    await expect(attempt).rejects.toThrow(/newer.*20990101000000_future/);
  });

  it('that fail are named, leave nothing behind, and keep what went before', async () => {
    write('20260103000000_bad', 'create table half (n int); select 1/0');
    await expect(migrate(pool(), migrations(), { log })).rejects.toThrow(
      /20260103000000_bad failed/,
    );
    const { rows } = await pool().query("select to_regclass('b') b, to_regclass('half') half");
    expect(rows).toEqual([{ b: 'b', half: null }]);
  });

  it('and what comes after them are undone together when that fails', async () => {
    const after = async (client: { query(sql: string): Promise<unknown> }) => {
      await client.query('insert into a values (2)');
      throw new StartupError('the key is wrong');
    };
    await expect(migrate(pool(), migrations(), { log, after })).rejects.toThrow('the key is wrong');
    const { rows } = await pool().query('select n from a');
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('of ours apply to an empty database', async () => {
    const applied = await migrate(pool(), migrationsFolder(), { log });
    expect(applied.length).toBeGreaterThan(0);
  });
});

describe('the keyring of a database', () => {
  const one = randomBytes(32);
  const two = randomBytes(32);
  const ensure = (keys: readonly Buffer[]) =>
    withTransaction(pool(), (client) => ensureKeyring(client, { keys, dataDir: folder, log }));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'graphmdm-keys-'));
    test = await emptyDatabase();
    await pool().query(keyringTable);
  });
  afterEach(async () => {
    await test.drop();
    rmSync(folder, { recursive: true });
  });

  it('is made in the data folder at the first start, for its owner only, and kept', async () => {
    const first = await ensure([]);
    expect(statSync(join(folder, 'secret.key')).mode & 0o777).toBe(0o600);
    expect((await ensure([])).keyId).toBe(first.keyId);
  });

  it('is not made again when the database holds something sealed', async () => {
    await ensure([one]);
    await expect(ensure([])).rejects.toThrow(/secret\.key does not exist.*--secret-key-file/);
    expect(statSync(join(folder, 'secret.key'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is refused when it is another, naming the setting and the key’s id', async () => {
    await ensure([one]);
    const id = createKeyring([one]).keyId;
    await expect(ensure([two])).rejects.toThrow(new RegExp(`${id}.*--secret-key-file`));
  });

  it('takes a new first key along with the old one, and then needs both', async () => {
    await ensure([one]);
    expect((await ensure([two, one])).keyId).toBe(createKeyring([two]).keyId);
    await expect(ensure([one])).rejects.toThrow(StartupError);
    await expect(ensure([two])).rejects.toThrow(StartupError);
    await ensure([one, two]);
  });

  it('is refused when the folder for a new key cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    const attempt = withTransaction(pool(), (client) =>
      ensureKeyring(client, { keys: [], dataDir: join(folder, 'file'), log }),
    );
    await expect(attempt).rejects.toThrow(/secret\.key.*--secret-key-file/);
  });
});
