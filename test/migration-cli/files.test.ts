import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSender } from '../../clients/simulator/http.ts';
import { anAuthenticate, aMigratedCommand, recordsOf } from '../build/migration-records.ts';
import { envFor, graphmdm, scratch, start } from '../cli/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { startProxy } from './nanomdm.ts';

let server: TestServer;
/** As a NanoMDM that takes migrations; without its API, and by a key of its own. */
let other: TestServer;
const key = 'the-key';
beforeAll(async () => {
  server = await startServer();
  other = await startServer({
    authority: server.authority,
    flags: ['--migration', '--nanomdm-api-key', key, '--retro'],
  });
});
afterAll(async () => {
  await server.stop();
  await other.stop();
});

function file(records: readonly (object | string)[]): string {
  const path = join(scratch(), 'records.ndjson');
  const lines = records.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

describe('graphmdm migrate', () => {
  it('brings in a file, and tells each line that is refused', async () => {
    const path = file([anAuthenticate('A-1'), '{"kind":"tally"', aMigratedCommand('C-1')]);
    const argv = ['migrate', '--file', path, '--json', 'what,line,code,id'];
    const refused = { what: 'refused', line: 2, code: 'NOT_JSON', id: null };
    const tried = await graphmdm(server, [...argv, '--dry-run']);
    expect(JSON.parse(tried.stdout)).toEqual(refused);
    const { rows } = await server.store.database.graph.query('select 1 from enrollment');
    expect(rows).toEqual([]);
    const { status, stdout, stderr } = await graphmdm(server, argv);
    expect(JSON.parse(stdout)).toEqual(refused);
    expect(stderr).toContain('2 records came in, 1 were refused.');
    expect(status).toBe(4);
    const stdin = readFileSync(path, 'utf8').replace('{"kind":"tally"\n', '');
    expect(await graphmdm(server, ['migrate', '--file', '-'], { stdin })).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(await graphmdm(server, ['migrate'])).toMatchObject({ status: 2 });
    expect(await graphmdm(server, ['migrate', '--file', '/none'])).toMatchObject({ status: 2 });
  });

  it('cancels the job at Ctrl-C', async () => {
    const pool = server.store.database.graph;
    // Nobody works on it: as if another process had taken it.
    await pool.query(`create function held() returns trigger language plpgsql as $$
      begin
        new.state := 'RUNNING'; new.holder := 'x'; new.lease_until := now() + interval '1 hour';
        return new;
      end $$`);
    await pool.query(
      'create trigger held before insert on job for each row execute function held()',
    );
    const argv = ['migrate', '--file', file([anAuthenticate('A-2')])];
    const running = start(argv, { env: envFor(server), terminal: true });
    await running.said('0 imported');
    running.interrupt();
    const { status, stderr } = await running.ended;
    expect(status).toBe(130);
    expect(stderr).toContain('was cancelled');
    const { rows } = await pool.query('select state from job order by created_at desc limit 1');
    expect(rows).toEqual([{ state: 'CANCELLED' }]);
    await pool.query('drop trigger held on job');
  });
});

describe('graphmdm export', () => {
  it('writes a file for its owner alone, which migrate takes', async () => {
    const path = join(scratch(), 'export.ndjson');
    expect(await graphmdm(server, ['export', '--all', '--out', path])).toMatchObject({ status: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain('"enrollment":"A-1"');
    expect(await graphmdm(other, ['migrate', '--file', path])).toMatchObject({ status: 0 });
    const bad = join(scratch(), 'none', 'export.ndjson');
    const failed = await graphmdm(server, ['export', '--all', '--out', bad]);
    expect(failed.stderr).toContain('NOT_WRITTEN');
    expect((await graphmdm(server, ['export', '--out', path])).status).toBe(2);
    expect((await graphmdm(server, ['export', '--all'])).status).toBe(2);
  });

  it('sends devices to whoever takes /migration, and they go on there', async () => {
    const sender = createSender();
    const proxy = await startProxy(server.port);
    try {
      const device = await server.device(1, {
        address: {
          serverUrl: new URL('/mdm', proxy.url),
          proof: { by: 'signature', style: 'apple' },
          send: sender.send,
        },
      });
      const { enrollmentId: id } = device;
      const records = [
        ...recordsOf(device),
        { kind: 'unlockToken', enrollment: id, token: 'dW5sb2Nr' },
        { kind: 'bootstrapToken', enrollment: id, token: 'Ym9vdA==' },
      ];
      expect(await graphmdm(server, ['migrate', '--file', file(records)])).toMatchObject({
        status: 0,
      });
      expect(await device.channel.poll()).toBeNull();
      const argv = ['export', '--all', '--to', other.url, '--json', 'what,id,code,count'];
      const { status, stdout } = await graphmdm(server, argv, { env: { NANOMDM_API_KEY: key } });
      expect(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        { what: 'left', id: 'A-1', code: 'NO_TOKEN_UPDATE', count: null },
        { what: 'count', id: null, code: null, count: 1 },
      ]);
      expect(status).toBe(4);
      proxy.switchTo(other.port);
      expect(await device.channel.poll()).toBeNull();
      expect(await device.getBootstrapToken()).toEqual(Buffer.from('boot'));
      const { rows } = await other.store.database.graph.query(
        'select enabled, unlock_token is not null as unlock from enrollment where id = $1',
        [id],
      );
      expect(rows).toEqual([{ enabled: true, unlock: true }]);
      const wrong = await graphmdm(server, argv, { env: { NANOMDM_API_KEY: 'wrong' } });
      expect(wrong.stdout).toContain('HTTP_401');
    } finally {
      sender.close();
      await proxy.close();
    }
  });
});
