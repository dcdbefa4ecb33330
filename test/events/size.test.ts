import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { rowsOf } from '../device/stored.ts';
import { binaryPlist } from '../protocol/binary-plist.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let devices = 0;

async function send(device: Device, fields: PlistDict, report = false): Promise<void> {
  const body = binaryPlist({ UDID: device.enrollmentId, ...fields });
  const type = report ? 'application/x-apple-aspen-mdm' : checkInType;
  const headers = { ...signedBy(device.identity, body), 'Content-Type': type };
  const { status } = await sendRaw({ url: server.deviceUrl, body, headers });
  // Nobody makes tokens or declarations here, and users of a directory are declined: kept all the same.
  expect([200, 400, 410, 500]).toContain(status);
}

/** Everything that a device can say, as long as it can be. */
async function sayAll(device: Device, character: string): Promise<void> {
  const endless = character.repeat(5_000);
  const long = character.repeat(Math.floor(255 / character.length));
  const authenticate = { MessageType: 'Authenticate', Topic: endless, SerialNumber: endless };
  const tokenUpdate = { MessageType: 'TokenUpdate', Topic: endless, PushMagic: endless };
  const token = { Token: Buffer.from('token') };
  await send(device, { ...authenticate, DeviceName: endless, Model: endless });
  await send(device, { ...tokenUpdate, ...token });
  const user = { UserID: long.slice(0, 200), UserShortName: endless, UserLongName: endless };
  await send(device, { MessageType: 'UserAuthenticate', ...user });
  await send(device, { ...tokenUpdate, ...token, ...user });
  await send(device, { MessageType: 'GetToken', TokenServiceType: endless });
  const endpoint = `declaration/x/${endless}`;
  await send(device, { MessageType: 'DeclarativeManagement', Endpoint: endpoint });
  for (const status of ['NotNow', 'Error', long]) {
    const uuid = `${randomUUID()}${'😀'.repeat(100)}`;
    await enqueue(
      server,
      [device.enrollmentId],
      aCommand(uuid, `${status.slice(0, 2)}${'😀'.repeat(120)}`),
    );
    await send(device, { CommandUUID: uuid, Status: status }, true);
    await send(device, { CommandUUID: long, Status: status }, true);
  }
  // A known device enrols again, which ends what waits for it.
  await send(device, authenticate);
}

async function largest(): Promise<readonly { readonly type: string; readonly bytes: number }[]> {
  return rowsOf(
    server,
    `select type, max(octet_length(data::text))::int as bytes from event group by type order by 2 desc`,
  );
}

describe.each([
  ['of four bytes', '😀'],
  ['of three bytes', '中'],
  ['that JSON escapes', '"'],
])('of a device with endless texts of characters %s', (_what, character) => {
  it.each([1, 6])('every event keeps to 1 KB (%i at a time)', async (together) => {
    const talkers = await Promise.all(
      Array.from({ length: together }, () => server.device(devices++)),
    );
    await Promise.all(talkers.map((device) => sayAll(device, character)));
    const sizes = await largest();
    expect(sizes.filter(({ bytes }) => bytes > 1024)).toEqual([]);
    expect(sizes.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        'EnrollmentAuthenticated',
        'EnrollmentTokenUpdated',
        'UserAuthenticateReceived',
        'GetTokenReceived',
        'DeclarativeManagementReceived',
        'CommandEnqueued',
        'CommandAnswered',
        'CommandNotNow',
        'CommandEnded',
        'StrayReportReceived',
      ]),
    );
  });
});

it('tells what is no longer than devices really say whole', async () => {
  const device = await server.device(devices++);
  const topic = `com.apple.mgmt.External.${'x'.repeat(231)}`;
  await send(device, { MessageType: 'Authenticate', Topic: topic, SerialNumber: 'S' });
  const rows = await rowsOf<{ topic: string }>(
    server,
    `select data ->> 'topic' as topic from event join enrollment e on e.key = enrollment_key where e.id = $1`,
    [device.enrollmentId],
  );
  expect(rows).toEqual([{ topic }]);
});
