import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestTypes, responseKeys } from '../../server/catalogue/commands.ts';
import { resultPlace } from '../../server/mdm/queue/deliver.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { schema } from '../../schema/schema.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { type GraphServer, startGraph } from '../graph/graph-server.ts';
import { aResult, aStoredCommand, anEnrollment } from '../graph/rows.ts';
import { recorded } from '../recorded/read.ts';
import { answerTo } from './documents.ts';

let server: GraphServer;
let token: string;
let key: string;
const id = 'A-DEVICE';

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token({ scopes: ['commands:read', 'enrollments:read'] }));
  key = await anEnrollment(server.pool, { id });
});
afterAll(() => server.stop());

/** The typed answer of a stored report. */
async function answerOf(requestType: string, report: PlistDict, as = token, bytes?: Buffer) {
  const command = await aStoredCommand(server.pool, { requestType });
  await aResult(server, { key, id }, command, report);
  if (bytes !== undefined) {
    const sealed = server.keyring.seal(resultPlace(id, command.uuid), bytes);
    await server.pool.query('update command_result set result = $1 where command_key = $2', [
      sealed,
      command.key,
    ]);
  }
  const found = await dataOf(ask(server, as, answerTo, { uuid: command.uuid }));
  return found.command?.results.edges[0]?.node.answer;
}

const report = (fields: PlistDict): PlistDict => ({ Status: 'Acknowledged', ...fields });

describe('a typed answer', () => {
  it('is there for every type of command that has an answer in the catalogue', () => {
    const described = requestTypes.filter((type) => responseKeys(type).length > 0);
    expect(described.length).toBeGreaterThan(30);
    const missing = described.filter((type) => schema.getType(`${type}Answer`) === undefined);
    expect(missing).toEqual([]);
  });

  it('reads what a real device has sent', async () => {
    expect(
      await answerOf('DeviceInformation', {}, token, recorded('DeviceInformation.1.plist')),
    ).toEqual({
      __typename: 'DeviceInformationAnswer',
      mismatches: [],
      queryResponses: {
        hostName: 'fruit.example.com',
        udid: '66ADE930-5FDF-5EC4-8429-15640684C489',
        osVersion: null,
        batteryLevel: null,
        deviceCapacity: null,
        isSupervised: null,
        lastCloudBackupDate: null,
      },
    });
  });

  it('keeps what has the wrong type out, and says so', async () => {
    const answer = await answerOf(
      'DeviceInformation',
      report({
        QueryResponses: {
          OSVersion: 18,
          BatteryLevel: 1,
          DeviceCapacity: '128',
          IsSupervised: true,
          SomethingNew: 'x',
        },
      }),
    );
    expect(answer).toMatchObject({
      mismatches: [
        'QueryResponses.OSVersion: integer instead of string',
        'QueryResponses.DeviceCapacity: string instead of real',
      ],
      queryResponses: {
        osVersion: null,
        batteryLevel: 1,
        deviceCapacity: null,
        isSupervised: true,
      },
    });
  });

  it('reads lists, data and numbers beyond 32 bits', async () => {
    expect(
      await answerOf(
        'InstalledApplicationList',
        report({
          InstalledApplicationList: [
            { Identifier: 'com.a', BundleSize: 5_000_000_000 },
            'odd',
            { Identifier: 'com.b' },
          ],
        }),
      ),
    ).toMatchObject({
      mismatches: ['InstalledApplicationList[1]: string instead of dictionary'],
      installedApplicationList: [
        { identifier: 'com.a', bundleSize: 5_000_000_000 },
        null,
        { identifier: 'com.b', bundleSize: null },
      ],
    });
    expect(
      await answerOf(
        'CertificateList',
        report({ CertificateList: [{ CommonName: 'CA', Data: Buffer.from('der') }] }),
      ),
    ).toMatchObject({ certificateList: [{ commonName: 'CA', data: 'ZGVy' }] });
  });

  it('shows secrets by the rules of raw', async () => {
    const bytes = report({
      SecurityInfo: { FDE_Enabled: true, FDE_PersonalRecoveryKeyDeviceKey: 'planted' },
    });
    expect(await answerOf('SecurityInfo', bytes)).toMatchObject({
      mismatches: [],
      securityInfo: { fdeEnabled: true, fdePersonalRecoveryKeyDeviceKey: '<redacted>' },
    });
    const seeing = await server.token({ scopes: ['commands:read', 'secrets:read'] });
    expect(await answerOf('SecurityInfo', bytes, seeing.token)).toMatchObject({
      securityInfo: { fdePersonalRecoveryKeyDeviceKey: 'planted' },
    });
  });

  it('is null for types that Apple’s schema does not know or gives no answer, and for no report', async () => {
    expect(await answerOf('com.example.Unheard', report({ A: 1 }))).toBeNull();
    expect(await answerOf('RestartDevice', report({ A: 1 }))).toBeNull();
    expect(await answerOf('DeviceInformation', {}, token, Buffer.from('no plist'))).toBeNull();
  });
});
