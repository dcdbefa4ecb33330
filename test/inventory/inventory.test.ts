import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken, startServer, type TestServer } from '../harness/server.ts';
import { answered, projected } from './answering.ts';
import { answerTo, inventoryEvents, inventoryOf } from './documents.ts';

let server: TestServer;
let graph: { url: string; wsUrl: string };
let next = 1;

beforeAll(async () => {
  server = await startServer();
  graph = { url: `${server.url}/graphql`, wsUrl: '' };
});
afterAll(() => server.stop());

async function aDevice(): Promise<Device> {
  const device = await server.device(next++);
  await device.enrol();
  return device;
}

async function inventory(device: Device) {
  await projected(server);
  const { enrollment } = await dataOf(
    ask(graph, adminToken, inventoryOf, { udid: device.enrollmentId }),
  );
  if (!enrollment) throw new Error('no such enrolment');
  return enrollment;
}

async function result(uuid: string) {
  const { command } = await dataOf(ask(graph, adminToken, answerTo, { uuid }));
  return command?.results.edges[0]?.node;
}

async function changes(device: Device) {
  const { inventoryChanges } = await inventory(device);
  return inventoryChanges.edges.map(({ node }) => [node.field, node.previous, node.current]);
}

const app = (Identifier: string, ShortVersion: string) => ({
  Identifier,
  ShortVersion,
  Name: Identifier,
  BundleSize: 5_000_000_000,
});

describe('DeviceInformation', () => {
  it('becomes fields of the enrolment and of its inventory', async () => {
    const device = await aDevice();
    const uuid = await answered(server, device, 'DeviceInformation', {
      QueryResponses: {
        DeviceName: 'Front desk',
        OSVersion: '18.1',
        BuildVersion: '22B83',
        BatteryLevel: 0.5,
        DeviceCapacity: 128,
        IsSupervised: true,
        SerialNumber: 'ANOTHER-ONE',
        LastCloudBackupDate: new Date('2026-01-02T03:04:05Z'),
        OrganizationInfo: { OrganizationName: 'Orchard' },
      },
    });
    const found = await inventory(device);
    expect(found).toMatchObject({
      deviceName: 'Front desk',
      osVersion: '18.1',
      buildVersion: '22B83',
      supervised: true,
      batteryLevel: 0.5,
      deviceCapacity: 128,
      // What it enrolled with: an answer never changes that.
      serialNumber: device.facts.serialNumber,
      inventory: {
        sections: [{ section: 'DeviceInformation', command: { uuid } }],
        deviceInformation: {
          deviceName: 'Front desk',
          osVersion: '18.1',
          batteryLevel: 0.5,
          isSupervised: true,
          lastCloudBackupDate: '2026-01-02T03:04:05.000Z',
          organizationInfo: { organizationName: 'Orchard' },
        },
        securityInfo: null,
        applications: null,
      },
    });
    expect(found.inventoryChanges.edges).toEqual([]);
    expect(found.inventoryCursor).toMatch(/^[\w-]{34}$/);
  });

  it('keeps what a later answer was not asked for, and a history of what changed', async () => {
    const device = await aDevice();
    const first = { DeviceName: 'A', OSVersion: '18.0', BatteryLevel: 0.9, IsSupervised: false };
    await answered(server, device, 'DeviceInformation', { QueryResponses: first });
    const second = { OSVersion: '18.1', BatteryLevel: 0.8, IsSupervised: false };
    const uuid = await answered(server, device, 'DeviceInformation', { QueryResponses: second });
    const found = await inventory(device);
    expect(found).toMatchObject({ deviceName: 'A', osVersion: '18.1', batteryLevel: 0.8 });
    expect(found.inventory.deviceInformation).toMatchObject({ deviceName: 'A', batteryLevel: 0.8 });
    expect(found.inventoryChanges.edges.map(({ node }) => node)).toEqual([
      {
        section: 'DeviceInformation',
        field: 'OSVersion',
        previous: '18.0',
        current: '18.1',
        command: { uuid },
      },
    ]);
  });

  it('does not undo what the device said when it enrolled again later', async () => {
    const device = await aDevice();
    await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion: '1.0' } });
    await projected(server);
    await device.enrol();
    expect((await inventory(device)).osVersion).toBe(device.facts.osVersion);
  });
});

describe('SecurityInfo', () => {
  it('is kept without its secrets', async () => {
    const device = await aDevice();
    const secret = 'recovery-device-key-planted';
    await answered(server, device, 'SecurityInfo', {
      SecurityInfo: {
        PasscodePresent: true,
        FDE_Enabled: true,
        FDE_PersonalRecoveryKeyDeviceKey: secret,
        FirewallSettings: { FirewallEnabled: true, StealthMode: false },
      },
    });
    await answered(server, device, 'SecurityInfo', {
      SecurityInfo: {
        PasscodePresent: true,
        FDE_Enabled: true,
        FDE_PersonalRecoveryKeyDeviceKey: `${secret}-2`,
        FirewallSettings: { FirewallEnabled: true, StealthMode: true },
      },
    });
    const found = await inventory(device);
    expect(found).toMatchObject({
      passcodePresent: true,
      fileVaultEnabled: true,
      inventory: {
        securityInfo: {
          passcodePresent: true,
          fdeEnabled: true,
          fdePersonalRecoveryKeyDeviceKey: '<redacted>',
          firewallSettings: { firewallEnabled: true, stealthMode: true },
        },
      },
    });
    expect(await changes(device)).toEqual([['FirewallSettings.StealthMode', false, true]]);
    const { rows } = await server.store.database.graph.query<{ text: string }>(
      `select concat((select string_agg(content::text, '') from inventory_section),
         (select string_agg(c::text, '') from inventory_change c),
         (select string_agg(data::text, '') from event)) as text`,
    );
    expect(rows[0]?.text).toContain('StealthMode');
    expect(rows[0]?.text).not.toContain(secret);
  });
});

describe('InstalledApplicationList', () => {
  it('is a list in pages, with a history of what came, went and was updated', async () => {
    const device = await aDevice();
    const list = (...apps: ReturnType<typeof app>[]) => ({ InstalledApplicationList: apps });
    const [a, b, c] = [app('com.a', '1'), app('com.b', '1'), app('com.c', '1')];
    await answered(server, device, 'InstalledApplicationList', list(a, b, c));
    const first = await inventory(device);
    expect(first).toMatchObject({ applicationCount: 3 });
    expect(first.inventory.applications).toMatchObject({
      totalCount: 3,
      edges: [
        { node: { identifier: 'com.a', shortVersion: '1', bundleSize: 5_000_000_000 } },
        { node: { identifier: 'com.b' } },
      ],
      pageInfo: { hasNextPage: true },
    });
    await answered(
      server,
      device,
      'InstalledApplicationList',
      list(app('com.a', '2'), c, app('com.d', '1')),
    );
    expect(await changes(device)).toEqual([
      ['com.a', '1', '2'],
      ['com.b', '1', null],
      ['com.d', null, '1'],
    ]);
  });

  it('is not cut to what a command asked for', async () => {
    const device = await aDevice();
    const all = [app('com.a', '1'), app('com.b', '1'), app('com.c', '1')];
    await answered(server, device, 'InstalledApplicationList', { InstalledApplicationList: all });
    const asked = { Identifiers: ['com.a', 'com.b'] };
    const some = { InstalledApplicationList: [app('com.a', '2')] };
    await answered(server, device, 'InstalledApplicationList', some, asked);
    expect(await changes(device)).toEqual([
      ['com.a', '1', '2'],
      ['com.b', '1', null],
    ]);
    expect(await inventory(device)).toMatchObject({ applicationCount: 2 });
    const managed = { InstalledApplicationList: [app('com.m', '1')] };
    await answered(server, device, 'InstalledApplicationList', managed, { ManagedAppsOnly: true });
    expect((await inventory(device)).inventory.applications?.totalCount).toBe(3);
  });
});

describe('what is no inventory', () => {
  it('is marked with the reason, and what came before stays', async () => {
    const device = await aDevice();
    const good = { QueryResponses: { OSVersion: '18.0' } };
    await answered(server, device, 'DeviceInformation', good);
    const uuid = await answered(server, device, 'DeviceInformation', { QueryResponses: ['odd'] });
    const none = await answered(server, device, 'DeviceInformation', {});
    expect((await inventory(device)).osVersion).toBe('18.0');
    expect((await result(uuid))?.inventoryProblem).toBe('QueryResponses is no dictionary.');
    expect((await result(none))?.inventoryProblem).toBe('The answer has no QueryResponses.');
  });

  it('is an answer that is older than what is known', async () => {
    const device = await aDevice();
    await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion: '18.1' } });
    await projected(server);
    const { graph: pool } = server.store.database;
    await pool.query(
      `update inventory_section set answered_at = now() + interval '1 hour'
       where enrollment_key = (select key from enrollment where id = $1)`,
      [device.enrollmentId],
    );
    await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion: '18.0' } });
    expect((await inventory(device)).osVersion).toBe('18.1');
  });
});

describe('what lists are found by', () => {
  it('is taken from each section, though another one was answered later', async () => {
    const device = await aDevice();
    const { graph: pool } = server.store.database;
    const key = '(select key from enrollment where id = $1)';
    await answered(server, device, 'SecurityInfo', { SecurityInfo: { PasscodePresent: true } });
    await projected(server);
    await pool.query(
      `update device_inventory set updated_at = now() + interval '1 minute' where enrollment_key = ${key}`,
      [device.enrollmentId],
    );
    await answered(server, device, 'DeviceInformation', { QueryResponses: { IsSupervised: true } });
    await projected(server);
    const { rows } = await pool.query(
      `select passcode_present, supervised from device_inventory where enrollment_key = ${key}`,
      [device.enrollmentId],
    );
    expect(rows).toEqual([{ passcode_present: true, supervised: true }]);
  });
});

describe('the event', () => {
  it('tells previous and new values, and links to what is known now', async () => {
    const device = await aDevice();
    const items = await bySse(graph, adminToken, inventoryEvents, {});
    expect((await items.next()).value.data?.events.__typename).toBe('Checkpoint');
    await answered(server, device, 'DeviceInformation', { QueryResponses: { OSVersion: '18.0' } });
    const uuid = await answered(server, device, 'DeviceInformation', {
      QueryResponses: { OSVersion: '18.1', BatteryLevel: 0.1 },
    });
    expect((await items.next()).value.data?.events).toMatchObject({
      enrollmentId: device.enrollmentId,
      section: 'DeviceInformation',
      first: true,
      changeCount: 0,
      changes: [],
    });
    expect((await items.next()).value.data?.events).toMatchObject({
      commandUuid: uuid,
      first: false,
      changeCount: 1,
      changes: [{ field: 'OSVersion', previous: '18.0', current: '18.1' }],
      enrollment: { osVersion: '18.1' },
      result: { status: 'Acknowledged' },
    });
    await items.close();
  });

  it('stays small whatever the values are made of', async () => {
    const device = await aDevice();
    const named = (DeviceName: string, HostName: string) => ({
      QueryResponses: { DeviceName, HostName },
    });
    await answered(server, device, 'DeviceInformation', named('"'.repeat(190), 'a'));
    await answered(server, device, 'DeviceInformation', named('\\'.repeat(190), 'b'));
    await projected(server);
    const { rows } = await server.store.database.graph.query<{ size: number; changes: string }>(
      `select octet_length(data::text) as size, data->>'changes' as changes
       from event where type = 'InventoryChanged' order by id desc limit 1`,
    );
    expect(rows[0]?.changes).toContain('HostName');
    expect(rows[0]?.size).toBeLessThanOrEqual(1_024);
  });

  it('stays small however much changes', async () => {
    const device = await aDevice();
    const many = (version: string) =>
      Array.from({ length: 600 }, (_, n) => app(`com.example.${n}.${'x'.repeat(40)}`, version));
    const list = (version: string) => ({ InstalledApplicationList: many(version) });
    await answered(server, device, 'InstalledApplicationList', list('1'));
    await answered(server, device, 'InstalledApplicationList', list('2'));
    await projected(server);
    const { rows } = await server.store.database.graph.query<{ size: number; count: number }>(
      `select octet_length(data::text) as size, (data->>'changeCount')::int as count
       from event where type = 'InventoryChanged' order by id desc limit 1`,
    );
    expect(rows[0]?.count).toBe(600);
    expect(rows[0]?.size).toBeLessThanOrEqual(1_024);
  });
});
