import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSender } from '../../clients/simulator/http.ts';
import { aCommand } from '../build/commands.ts';
import {
  type Execute,
  fillCommand,
  fillDevice,
  fillQueue,
  makeNanomdmTables,
  postgresTypes,
} from '../build/nanomdm-tables.ts';
import { graphmdm } from '../cli/cli.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { emptyDatabase } from '../harness/database.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { enqueueOne } from '../migration/documents.ts';
import { graphOf } from '../migration/stage.ts';
import {
  hasNanomdm,
  nanomdmKey,
  type RunningNanomdm,
  startNanomdm,
  startProxy,
  type SwitchingProxy,
} from './nanomdm.ts';

if (!hasNanomdm('filekv')) process.stderr.write('Without a NanoMDM (NANOMDM_BIN).\n');

describe.each(['pgsql', 'filekv'] as const)('a move from a NanoMDM on %s, and back', (storage) => {
  const there = hasNanomdm(storage);
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-cut-over-'));
  const sender = createSender();
  let server: TestServer;
  let nanomdm: RunningNanomdm;
  let proxy: SwitchingProxy;
  beforeAll(async () => {
    if (!there) return;
    server = await startServer();
    nanomdm = await startNanomdm(storage, server.authority, folder);
    proxy = await startProxy(nanomdm.port);
  });
  afterAll(async () => {
    sender.close();
    rmSync(folder, { recursive: true, force: true });
    if (!there) return;
    await proxy.close();
    await nanomdm.stop();
    await server.stop();
  });

  it.runIf(there)('goes without a device noticing', async () => {
    const address = {
      serverUrl: new URL('/mdm', proxy.url),
      proof: { by: 'signature', style: 'apple' },
      send: sender.send,
    } as const;
    const device = await server.device(1, { address });
    const gone = await server.device(2, { address });
    const id = device.enrollmentId;
    const key = join(folder, 'key');
    writeFileSync(key, `${nanomdmKey}\n`);

    // At NanoMDM.
    await device.enrol();
    expect((await device.tokenUpdate({ UnlockToken: Buffer.from('unlock') })).status).toBe(200);
    await device.setBootstrapToken(Buffer.from('bootstrap'));
    const user = device.user({ id: 'u1', shortName: 'ann', longName: 'Ann' });
    expect((await user.tokenUpdate()).status).toBe(200);
    await gone.enrol();
    await gone.checkOut();
    for (const uuid of ['N-3', 'N-1', 'N-2', 'N-4']) await nanomdm.enqueue(id, aCommand(uuid));
    expect(await device.channel.poll()).toMatchObject({ uuid: 'N-3' });
    expect(await device.channel.report('N-3', { status: 'Acknowledged' })).toMatchObject({
      uuid: 'N-1',
    });
    expect(await device.channel.report('N-1', { status: 'NotNow' })).toMatchObject({ uuid: 'N-2' });

    // Over.
    const moved = await graphmdm(server, ['import', 'nanomdm', ...nanomdm.source, '--verify']);
    expect(moved.stderr).toMatch(/ 0 were refused[\s\S]* 0 are not, /);
    expect(moved).toMatchObject({ status: 0 });
    proxy.switchTo(server.port);
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('bootstrap'));
    const taken = (await device.channel.connect()).map(({ command }) => command.uuid);
    expect(taken).toEqual(['N-1', 'N-2', 'N-4']);
    const { rows } = await server.store.database.graph.query(
      `select id, enabled, push_token as token, unlock_token is not null as unlock,
         token_update_tally as tally
       from enrollment order by id = $1 desc, id = $2 desc`,
      [id, `${id}:u1`],
    );
    expect(rows).toMatchObject([
      { enabled: true, token: device.pushToken, unlock: true, tally: 2 },
      { enabled: true, tally: 1 },
      { id: gone.enrollmentId, enabled: false },
    ]);
    const input = { targets: { ids: [id] }, command: { plist: aCommand('HERE') } };
    const queued = await dataOf(ask(graphOf(server), adminToken, enqueueOne, { input }));
    expect(queued.enqueueCommand.__typename).toBe('EnqueueCommandPayload');
    expect((await device.channel.connect()).map(({ command }) => command.uuid)).toEqual(['HERE']);

    // Back.
    await device.setBootstrapToken(Buffer.from('newer'));
    const back = ['export', '--all', '--to', nanomdm.url, '--nanomdm-api-key-file', key];
    const returned = await graphmdm(server, [...back, '--json', 'what,id,code,count']);
    expect(
      returned.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { what: 'left', id: gone.enrollmentId, code: 'NOT_ENABLED', count: null },
      { what: 'count', id: null, code: null, count: 2 },
    ]);
    proxy.switchTo(nanomdm.port);
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('newer'));
    await nanomdm.enqueue(id, aCommand('BACK'));
    expect((await device.channel.connect()).map(({ command }) => command.uuid)).toEqual(['BACK']);
  });
});

describe("a move from NanoMDM's tables without a NanoMDM, and back", () => {
  it('goes without a device noticing', async () => {
    const server = await startServer();
    // Takes the way back, by the one route of NanoMDM's that it needs.
    const flags = ['--migration', '--nanomdm-api-key', nanomdmKey, '--retro'];
    const other = await startServer({ authority: server.authority, flags });
    const database = await emptyDatabase();
    const client = new Client({ connectionString: database.url });
    const proxy = await startProxy(server.port);
    const sender = createSender();
    try {
      await client.connect();
      await client.query(`set timezone = 'UTC'`);
      const execute: Execute = (sql, values = []) => {
        let number = 0;
        return client.query(
          sql.replaceAll('?', () => `$${++number}`),
          [...values],
        );
      };
      await makeNanomdmTables(execute, postgresTypes);
      const serverUrl = new URL('/mdm', proxy.url);
      const proof = { by: 'signature', style: 'apple' } as const;
      const address = { serverUrl, proof, send: sender.send };
      const device = await server.device(1, { address });
      const id = device.enrollmentId;
      await fillDevice(execute, device);
      await fillCommand(execute, 'T-1', 20);
      await fillQueue(execute, id, 'T-1', { at: 20 });

      const argv = ['import', 'nanomdm', '--source-timezone', 'UTC', '--verify'];
      const env = { GRAPHMDM_SOURCE_DSN: database.url };
      expect(await graphmdm(server, argv, { env })).toMatchObject({ status: 0 });
      expect((await device.channel.connect()).map(({ command }) => command.uuid)).toEqual(['T-1']);
      const back = ['export', '--all', '--to', other.url];
      const key = { NANOMDM_API_KEY: nanomdmKey };
      expect(await graphmdm(server, back, { env: key })).toMatchObject({ status: 0 });
      proxy.switchTo(other.port);
      expect(await device.channel.poll()).toBeNull();
      expect(await device.getBootstrapToken()).toEqual(Buffer.from(`bootstrap ${id}`));
    } finally {
      sender.close();
      await proxy.close();
      await client.end();
      await database.drop();
      await other.stop();
      await server.stop();
    }
  });
});
