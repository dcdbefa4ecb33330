import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Proof } from '../../clients/simulator/deliver.ts';
import { Device } from '../../clients/simulator/device.ts';
import type { DeviceFacts } from '../../clients/simulator/facts.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { createFleet } from '../../clients/simulator/fleet.ts';
import type { Sender } from '../../clients/simulator/http.ts';
import { createSender } from '../../clients/simulator/http.ts';
import type { KeyKind } from '../../clients/simulator/identity.ts';
import { issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { notNowFirst } from '../../clients/simulator/responders.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import type { TinyServer } from './tiny-server.ts';
import { startTinyServer } from './tiny-server.ts';

let server: TinyServer;
let sender: Sender;

beforeEach(async () => {
  server = await startTinyServer();
  sender = createSender();
});
afterEach(async () => {
  sender.close();
  await server.close();
});

async function aDevice(
  proof: Proof = { by: 'signature', style: 'apple' },
  key: KeyKind = 'ec',
  overrides: Partial<DeviceFacts> = {},
): Promise<Device> {
  const authority = await makeAuthority();
  return new Device({
    facts: deviceFacts(0, overrides),
    identity: await issueIdentity(authority, { commonName: 'a device', key }),
    address: { serverUrl: server.url, proof, send: sender.send },
  });
}

function messages(): PlistDict[] {
  return server.heard.map(({ message }) => message);
}

describe('a simulated device', () => {
  it.each([
    ['apple', 'rsa'],
    ['apple', 'ec'],
    ['modern', 'rsa'],
    ['modern', 'ec'],
  ] as const)('signs in the %s style with an %s key', async (style, key) => {
    const device = await aDevice({ by: 'signature', style }, key);
    await device.enrol();
    await device.channel.connect();
    expect(server.heard.map(({ verdict }) => verdict)).toEqual(['holds', 'holds', 'holds']);
    expect(server.heard[0]?.indefinite).toBe(style === 'apple');
  });

  it('enrols with the messages, methods and content types of a device', async () => {
    const device = await aDevice();
    await device.enrol();
    await device.channel.poll();
    expect(server.heard.map(({ method, contentType }) => `${method} ${contentType}`)).toEqual([
      'PUT application/x-apple-aspen-mdm-checkin',
      'PUT application/x-apple-aspen-mdm-checkin',
      'PUT application/x-apple-aspen-mdm',
    ]);
    const [authenticate, tokenUpdate, idle] = messages();
    expect(authenticate).toMatchObject({
      MessageType: 'Authenticate',
      UDID: device.facts.udid,
      SerialNumber: 'SIM000000000',
      Topic: device.facts.topic,
    });
    expect(tokenUpdate).toMatchObject({ MessageType: 'TokenUpdate', PushMagic: device.pushMagic });
    expect(tokenUpdate?.['Token']).toEqual(device.pushToken);
    expect(idle).toEqual({ UDID: device.facts.udid, Status: 'Idle' });
  });

  it('sends its certificate in a header instead, when asked to', async () => {
    const device = await aDevice({ by: 'header', name: 'Client-Cert', format: 'rfc9440' });
    await device.enrol();
    const [first] = server.heard;
    expect(first?.verdict).toBe('absent');
    const der = device.identity.certificate.toString('base64');
    expect(first?.headers['client-cert']).toBe(`:${der}:`);
  });

  it('answers until the queue is empty, and says NotNow when told to', async () => {
    const device = await aDevice();
    device.channel.responder = notNowFirst(
      1,
      device.channel.responder,
      ({ requestType }) => requestType === 'ProfileList',
    );
    server.queue.push(
      { uuid: 'a', command: { RequestType: 'ProfileList' } },
      { uuid: 'b', command: { RequestType: 'DeviceInformation', Queries: ['OSVersion', 'IMEI'] } },
      { uuid: 'c', command: { RequestType: 'Frobnicate' } },
      { uuid: 'd', command: { RequestType: 'DeviceInformation' } },
      { uuid: 'e', command: {} },
    );
    const answered = await device.channel.connect();
    expect(answered.map(({ command, status }) => `${command.uuid} ${status}`)).toEqual([
      'a NotNow',
      'b Acknowledged',
      'a Acknowledged',
      'c Error',
      'd CommandFormatError',
      'e CommandFormatError',
    ]);
    const information = messages().find(({ CommandUUID: uuid }) => uuid === 'b');
    // A Mac knows no IMEI.
    expect({ ...Object(information?.['QueryResponses']) }).toEqual({ OSVersion: '15.3' });
    const error = messages().find(({ CommandUUID: uuid }) => uuid === 'c');
    expect(error?.['ErrorChain']).toMatchObject([{ ErrorCode: 12_021 }]);
  });

  it('lists the profiles that were installed, until they are removed', async () => {
    const device = await aDevice();
    const profile = { PayloadIdentifier: 'com.example.wifi', PayloadUUID: 'u', PayloadContent: [] };
    server.queue.push(
      { uuid: 'a', command: { RequestType: 'InstallProfile', Payload: buildPlist(profile) } },
      { uuid: 'b', command: { RequestType: 'ProfileList' } },
      { uuid: 'c', command: { RequestType: 'RemoveProfile', Identifier: 'com.example.wifi' } },
      { uuid: 'd', command: { RequestType: 'RemoveProfile', Identifier: 'com.example.wifi' } },
      { uuid: 'e', command: { RequestType: 'InstallProfile', Payload: Buffer.from('junk') } },
    );
    const answered = await device.channel.connect();
    expect(answered.map(({ status }) => status)).toEqual([
      'Acknowledged',
      'Acknowledged',
      'Acknowledged',
      'Error',
      'CommandFormatError',
    ]);
    const list = messages().find(({ CommandUUID: uuid }) => uuid === 'b');
    expect(list?.['ProfileList']).toMatchObject([
      { PayloadIdentifier: 'com.example.wifi', PayloadUUID: 'u', IsManaged: true },
    ]);
  });

  it('tells no UDID or serial number on a user enrolment', async () => {
    const device = await aDevice(undefined, 'ec', { style: 'user-enrollment' });
    await device.enrol();
    await device.user({ shortName: 'ann', longName: 'Ann', id: 'USER-1' }).tokenUpdate();
    for (const message of messages()) {
      expect(message).not.toHaveProperty('UDID');
      expect(message).not.toHaveProperty('SerialNumber');
      expect(message).toHaveProperty('EnrollmentID', device.enrollmentId);
    }
    expect(messages()[2]).toMatchObject({ EnrollmentUserID: 'USER-1', UserShortName: 'ann' });
  });

  it('gives users channels of their own, with one id for all on a Shared iPad', async () => {
    const device = await aDevice();
    const user = { shortName: 'ann', longName: 'Ann', id: 'USER-1' };
    await device.user(user).tokenUpdate();
    const shared = device.user({ ...user, sharedIpad: true });
    await shared.tokenUpdate();
    await shared.connect();
    const udid = device.facts.udid;
    const all = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';
    expect(messages()[0]).toMatchObject({ UDID: udid, UserID: 'USER-1', UserLongName: 'Ann' });
    expect(messages()[1]).toMatchObject({ UDID: udid, UserID: all, UserShortName: 'ann' });
    expect(messages()[2]).toEqual({
      UDID: udid,
      UserID: all,
      UserShortName: 'ann',
      Status: 'Idle',
    });
  });

  it('renews in three shapes, signing with the new identity from then on', async () => {
    const device = await aDevice();
    const authority = await makeAuthority();
    for (const shape of ['authenticate', 'token-update', 'silent'] as const) {
      const identity = await issueIdentity(authority, { commonName: shape });
      await device.renew(identity, shape);
      await device.channel.poll();
      expect(server.heard.at(-1)).toMatchObject({
        verdict: 'holds',
        certificate: identity.certificate.toString('hex'),
      });
    }
    const types = messages().map(({ MessageType: type, Status: status }) => type ?? status);
    const expected = ['Authenticate', 'TokenUpdate', 'Idle', 'TokenUpdate', 'Idle', 'Idle'];
    expect(types).toEqual(expected);
  });

  it('fails an enrolment that the server refuses', async () => {
    const device = await aDevice();
    server.statuses.set('TokenUpdate', 503);
    await expect(device.enrol()).rejects.toThrow('TokenUpdate was answered 503');
  });
});

describe('a fleet', () => {
  it('enrols every device once, each with a certificate of its own, and counts answers', async () => {
    const fleet = await createFleet({
      size: 12,
      concurrency: 4,
      authority: await makeAuthority(),
      address: {
        serverUrl: server.url,
        proof: { by: 'signature', style: 'apple' },
        send: sender.send,
      },
    });
    expect(await fleet.each((device) => device.enrol())).toEqual([]);
    const certificates = fleet.devices.map(({ identity }) => identity.certificate.toString('hex'));
    expect(new Set(certificates).size).toBe(12);
    expect(new Set(messages().map(({ UDID: udid }) => udid)).size).toBe(12);
    expect(fleet.tally.summary().answers).toEqual({ 'check-in 200': 24 });
  });

  it('tells which devices failed and goes on with the others', async () => {
    const fleet = await createFleet({
      size: 3,
      authority: await makeAuthority(),
      address: {
        serverUrl: server.url,
        proof: { by: 'signature', style: 'apple' },
        send: sender.send,
      },
    });
    server.statuses.set('TokenUpdate', 503);
    expect(await fleet.each((device) => device.enrol())).toHaveLength(3);
    expect(fleet.tally.summary().answers).toEqual({ 'check-in 200': 3, 'check-in 503': 3 });
  });
});
