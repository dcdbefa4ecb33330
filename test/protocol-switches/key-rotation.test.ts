import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { rowsOf } from '../device/stored.ts';
import { type TestDatabase, testDatabase } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { startBareServer } from './bare-server.ts';
import { askServer } from './graph.ts';

/** The key that the harness gives its servers, first. */
const newKey = Buffer.alloc(32, 7);
const oldKey = Buffer.alloc(32, 8);
const [newId, oldId] = [newKey, oldKey].map((key) => createKeyring([key]).keyId);

let store: TestDatabase;
beforeAll(async () => {
  store = await testDatabase();
});
afterAll(() => store.drop());

/** The ids of the keys that sealed the values of a column: a sealed value begins with its version and the id. */
async function sealedBy(server: TestServer, table: string, column: string): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    server,
    `select distinct encode(substring(${column} from 2 for 4), 'hex') as id from ${table}
     where ${column} is not null order by 1`,
  );
  return rows.map(({ id }) => id);
}

describe('a second --secret-key in front of the first', () => {
  it('seals what is new, and what the old one sealed still opens', async () => {
    const before = await startBareServer(store, { keys: [oldKey] });
    const old = await before.device(1);
    await old.enrol();
    await old.setBootstrapToken(Buffer.from('escrowed before'));
    const id = old.enrollmentId;
    await enqueue(before, [id], aCommand('lock-1', 'DeviceLock', { PIN: '123456' }));
    await enqueue(before, [id], aCommand('erase', 'EraseDevice', { PIN: '654321' }));
    await old.channel.poll();
    await old.channel.report('lock-1', { status: 'Acknowledged', response: { Message: 'before' } });
    expect(await sealedBy(before, 'enrollment', 'push_magic')).toEqual([oldId]);
    await before.stop();

    const flags = ['--secret-key', oldKey.toString('base64')];
    const { authority } = before;
    const both = await startServer({ store, authority, flags });
    const device = await both.device(1, { identity: old.identity });
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('escrowed before'));
    const second = await device.channel.poll();
    expect(second?.payload).toMatchObject({ RequestType: 'EraseDevice', PIN: '654321' });
    const results = 'results(first: 9) { edges { node { raw } } }';
    const query = `{ enrollment(enrollmentId: "${id}") { ${results} } }`;
    const shown = JSON.stringify(await askServer(both, query));
    expect(Buffer.from(/"raw":"([^"]+)"/.exec(shown)?.[1] ?? '', 'base64').toString()).toContain(
      'before',
    );

    await device.tokenUpdate();
    await device.setBootstrapToken(Buffer.from('escrowed after'));
    expect(await sealedBy(both, 'enrollment', 'push_magic')).toEqual([newId]);
    expect(await sealedBy(both, 'enrollment', 'bootstrap_token')).toEqual([newId]);
    const inRaw = await sealedBy(both, 'check_in', 'raw');
    expect(new Set(inRaw)).toEqual(new Set([newId, oldId]));
    expect(await device.getBootstrapToken()).toEqual(Buffer.from('escrowed after'));
    await both.stop();
  });

  it('does not stand for it: without the old one the server names it, and does not start', async () => {
    await expect(startServer({ store })).rejects.toThrow(
      new RegExp(`${oldId}.*--secret-key-file`, 's'),
    );
    // Nor the other way round: what was sealed since would not open.
    await expect(startBareServer(store, { keys: [oldKey] })).rejects.toThrow(
      new RegExp(`${newId}`),
    );
    const again = await startBareServer(store, { keys: [oldKey, newKey] });
    await again.stop();
  });
});
