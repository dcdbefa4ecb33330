import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { askedForAll } from '../../server/mdm/inventory/merge.ts';
import { createRepeats, fingerprintOf } from '../../server/mdm/inventory/repeats.ts';
import { NotRepeated, type Repeated, settle } from '../../server/mdm/inventory/settle.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { binaryPlist } from '../protocol/binary-plist.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { answered, projected } from './answering.ts';
import { inventoryOf } from './documents.ts';

let server: TestServer;
let next = 1;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const sql = async (text: string, values: unknown[] = []) =>
  (await server.store.database.graph.query(text, values)).rows;

async function aDevice(): Promise<Device> {
  const device = await server.device(next++);
  await device.enrol();
  return device;
}

async function inventory(device: Device) {
  await projected(server);
  const graph = { url: `${server.url}/graphql`, wsUrl: '' };
  const { enrollment } = await dataOf(
    ask(graph, adminToken, inventoryOf, { udid: device.enrollmentId }),
  );
  if (!enrollment) throw new Error('no such enrolment');
  return enrollment;
}

const tells = (device: Device, names: readonly string[], asked = {}) =>
  answered(
    server,
    device,
    'InstalledApplicationList',
    { InstalledApplicationList: names.map((Identifier) => ({ Identifier, ShortVersion: '1' })) },
    asked,
  );

/** Makes what is known of it wrong: only an answer that is decoded puts it right. */
async function spoil({ enrollmentId }: Device): Promise<void> {
  await sql(
    `update inventory_section set content = '[{"Identifier": "spoilt"}]'
     where enrollment_key = (select key from enrollment where id = $1)`,
    [enrollmentId],
  );
}

const names = async (device: Device) =>
  (await inventory(device)).inventory.applications?.edges.map(({ node }) => node.identifier);

describe('an answer that repeats the last one', () => {
  it('counts as told again, without being decoded again', async () => {
    const device = await aDevice();
    await tells(device, ['com.a', 'com.b']);
    await projected(server);
    await spoil(device);
    const uuid = await tells(device, ['com.a', 'com.b']);
    const found = await inventory(device);
    expect(found.inventory.sections).toMatchObject([{ command: { uuid } }]);
    expect(await names(device)).toEqual(['spoilt']);
    expect(found).toMatchObject({ applicationCount: 2, inventoryChanges: { edges: [] } });
  });

  it('is one that came right before it, not one from earlier', async () => {
    const device = await aDevice();
    await tells(device, ['com.a']);
    await tells(device, ['com.b']);
    await tells(device, ['com.a']);
    await tells(device, ['com.a']);
    const { inventoryChanges } = await inventory(device);
    expect(inventoryChanges.edges.map(({ node }) => [node.field, node.current])).toEqual([
      ['com.a', null],
      ['com.b', '1'],
      ['com.a', '1'],
      ['com.b', null],
    ]);
    expect(await names(device)).toEqual(['com.a']);
  });

  it('is none when an earlier version of the server has written meanwhile, which knows no fingerprints', async () => {
    const device = await aDevice();
    await tells(device, ['com.a']);
    await projected(server);
    await sql(
      `update inventory_section set content = '[]', command_key = command_key + 1
       where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    await tells(device, ['com.a']);
    expect(await names(device)).toEqual(['com.a']);
  });

  it('is one to the same question', async () => {
    const device = await aDevice();
    await tells(device, ['com.a', 'com.b']);
    await tells(device, ['com.b'], { ManagedAppsOnly: true });
    expect((await names(device))?.toSorted()).toEqual(['com.a', 'com.b']);
    await tells(device, ['com.b']);
    expect(await names(device)).toEqual(['com.b']);
  });

  it('is looked at all the same when it is what the device says of itself', async () => {
    const device = await aDevice();
    const said = { QueryResponses: { OSVersion: '1.0' } };
    await answered(server, device, 'DeviceInformation', said);
    await projected(server);
    await device.enrol();
    expect((await inventory(device)).osVersion).toBe(device.facts.osVersion);
    await answered(server, device, 'DeviceInformation', said);
    expect((await inventory(device)).osVersion).toBe('1.0');
  });

  it('is decoded when what it repeats has been derived anew meanwhile', () => {
    const row = {
      enrollmentKey: 1n,
      section: 'ProfileList',
      content: [],
      answeredAt: new Date(1_000),
      commandKey: 1n,
      fingerprint: Buffer.of(1),
    };
    const repeat: Repeated = {
      ...row,
      ...{ answeredAt: new Date(2_000), commandKey: 2n, ofDevice: true, traceId: null },
      ...{ asked: askedForAll, repeats: true },
    };
    expect(settle([row], [repeat])).toMatchObject({ written: [], touched: [{ commandKey: 2n }] });
    for (const known of [
      [],
      [{ ...row, fingerprint: Buffer.of(2) }],
      [{ ...row, fingerprint: null }],
    ]) {
      expect(() => settle(known, [repeat])).toThrow(NotRepeated);
    }
    const older = { ...repeat, answeredAt: new Date(500), fingerprint: Buffer.of(9) };
    expect(settle([row], [older])).toMatchObject({ written: [], touched: [] });
  });

  it('is not one that is older than what is known', () => {
    const origin = {
      ...{ enrollmentKey: 1n, section: 'ProfileList', commandKey: 5n },
      ...{ answeredAt: new Date(1_000), fingerprint: Buffer.of(1) },
    };
    const repeats = createRepeats([origin]);
    const at = (ms: number, mark: number) => ({
      ...origin,
      ...{ answeredAt: new Date(ms), fingerprint: Buffer.of(mark) },
    });
    expect(repeats.isRepeat(at(2_000, 1))).toBe(true);
    expect(repeats.isRepeat(at(500, 1))).toBe(false);
    repeats.told(at(500, 2));
    expect(repeats.isRepeat(at(2_000, 1))).toBe(true);
    repeats.told(at(3_000, 2));
    expect([repeats.isRepeat(at(4_000, 1)), repeats.isRepeat(at(4_000, 2))]).toEqual([false, true]);
  });
});

describe('the fingerprint of an answer', () => {
  const keyring = createKeyring([Buffer.alloc(32, 1)]);
  const of = (xml: string | Buffer, commandUuid: string, requestType = 'ProfileList') =>
    fingerprintOf(keyring, { commandUuid, requestType }, Buffer.from(xml as string), askedForAll);
  const answer = (uuid: string, rest: string) =>
    `<dict><key>CommandUUID</key><string>${uuid}</string>${rest}</dict>`;
  const same = (a: Buffer | null, b: Buffer | null) => a !== null && b !== null && a.equals(b);

  it('is that of all but the CommandUUID', () => {
    expect(same(of(answer('one', '<a/>'), 'one'), of(answer('other', '<a/>'), 'other'))).toBe(true);
    expect(same(of(answer('one', '<a/>'), 'one'), of(answer('one', '<b/>'), 'one'))).toBe(false);
  });

  it('tells apart answers that hold the CommandUUID elsewhere, too', () => {
    const twice = (uuid: string) => of(answer(uuid, `<key>x</key><string>${uuid}</string>`), uuid);
    expect(same(twice('one'), twice('two'))).toBe(false);
    const before = (uuid: string) =>
      of(
        `<dict><key>x</key><string>${uuid}</string><key>CommandUUID</key><string>${uuid}</string></dict>`,
        uuid,
      );
    expect(same(before('one'), before('two'))).toBe(false);
    expect(same(of('<a>one</a><b></b>', 'one'), of('<a></a><b>one</b>', 'one'))).toBe(false);
  });

  it('is none for binary property lists, which write equal strings once, and where the name is not found', () => {
    const binary = binaryPlist({ CommandUUID: 'one', ProfileList: [] });
    expect(of(binary, 'one')).toBeNull();
    expect(of(answer('&#111;ne', ''), 'one')).toBeNull();
    expect(of(answer('one', ''), 'one', 'DeviceInformation')).toBeNull();
  });
});
