import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedIpadUserId } from '../../clients/simulator/user-channel.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { checkInType, sendRaw, signedBy } from '../build/raw-request.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { enrollmentOf, eventsOf, fingerprintOf, refusalsSince, rowsOf } from './stored.ts';

let server: TestServer;
let lenient: TestServer;

beforeAll(async () => {
  server = await startServer();
  lenient = await startServer({ flags: ['--ua-zl-dc'] });
});
afterAll(() => Promise.all([server.stop(), lenient.stop()]));

let devices = 0;
const aDevice = () => server.device(devices++);

describe('the identifiers of a message', () => {
  const pushData = { Topic: 'topic', Token: Buffer.from('token'), PushMagic: 'magic' };

  it.each([
    [{ UDID: 'U1' }, 'DEVICE', 'U1', null],
    [{ UDID: 'U1', UserID: 'A' }, 'USER', 'U1:A', 'U1'],
    [{ UDID: 'U1', UserID: 'B', UserShortName: 'bob' }, 'USER', 'U1:B', 'U1'],
    [
      { UDID: 'U1', UserID: sharedIpadUserId, UserShortName: 'ann@example.com' },
      'SHARED_IPAD',
      'U1:ann@example.com',
      'U1',
    ],
    [{ UDID: 'U1', UserID: sharedIpadUserId }, 'SHARED_IPAD', 'U1:', 'U1'],
    [
      { UDID: 'U1', UserID: sharedIpadUserId.toLowerCase(), UserShortName: 'ann' },
      'USER',
      `U1:${sharedIpadUserId.toLowerCase()}`,
      'U1',
    ],
    [{ UDID: 'U1', UserShortName: 'ignored' }, 'DEVICE', 'U1', null],
    [{ UDID: 'U1', EnrollmentID: 'E1', EnrollmentUserID: 'ignored' }, 'DEVICE', 'U1', null],
    [{ EnrollmentID: 'E1' }, 'USER_ENROLLMENT_DEVICE', 'E1', null],
    [{ EnrollmentID: 'E1', UserID: 'ignored' }, 'USER_ENROLLMENT_DEVICE', 'E1', null],
    [{ EnrollmentID: 'E1', EnrollmentUserID: 'A' }, 'USER_ENROLLMENT', 'E1:A', 'E1'],
    [{ UDID: ' u1 ' }, 'DEVICE', ' u1 ', null],
  ])('%j are %s %j of %j', async (identifiers, kind, id, parent) => {
    const device = await aDevice();
    const unique = (value: string) => value.replace(/[UE]1/i, `$&-${devices}`);
    const named: PlistDict = Object.fromEntries(
      Object.entries(identifiers).map(([key, value]) => [
        key,
        key === 'UDID' || key === 'EnrollmentID' ? unique(value) : value,
      ]),
    );
    const { UserID: _user, UserShortName: _name, EnrollmentUserID: _id, ...ofDevice } = named;
    const send = async (message: PlistDict) => {
      const body = buildPlist({ ...message });
      const headers = { 'Content-Type': checkInType, ...signedBy(device.identity, body) };
      return (await sendRaw({ url: server.deviceUrl, headers, body })).status;
    };
    expect(await send({ MessageType: 'Authenticate', ...ofDevice })).toBe(200);
    expect(await send({ MessageType: 'TokenUpdate', ...named, ...pushData })).toBe(200);
    expect(await enrollmentOf(server, unique(id))).toMatchObject({
      kind,
      enabled: true,
      parent: parent === null ? null : unique(parent),
    });
    // A user may come before its device's own TokenUpdate.
    if (parent !== null) {
      expect(await enrollmentOf(server, unique(parent))).toMatchObject({ enabled: false });
    }
  });

  it('keep a user’s names', async () => {
    const device = await aDevice();
    await device.enrol();
    await device.user({ shortName: 'ann', longName: 'Ann Example', id: 'A' }).tokenUpdate();
    expect(await enrollmentOf(server, `${device.enrollmentId}:A`)).toMatchObject({
      user_short_name: 'ann',
      user_long_name: 'Ann Example',
    });
  });
});

describe('a check-in message', () => {
  const whole = {
    Topic: 'topic',
    Token: Buffer.from('token'),
    PushMagic: 'magic',
  } as const satisfies PlistDict;

  it.each<[what: string, messageType: string, fields: PlistDict, status: number, reason: string]>([
    ['a TokenUpdate without Topic', 'TokenUpdate', { ...whole, Topic: '' }, 400, 'missing-field'],
    [
      'a TokenUpdate without PushMagic',
      'TokenUpdate',
      { ...whole, PushMagic: '' },
      400,
      'missing-field',
    ],
    [
      'a TokenUpdate without Token',
      'TokenUpdate',
      { ...whole, Token: Buffer.alloc(0) },
      400,
      'missing-field',
    ],
    [
      'a TokenUpdate whose Token is text',
      'TokenUpdate',
      { ...whole, Token: 'dG9rZW4=' },
      400,
      'wrong-type',
    ],
    [
      'a bootstrap token that is text',
      'SetBootstrapToken',
      { BootstrapToken: 'x' },
      400,
      'wrong-type',
    ],
    ['no known MessageType', 'Authenticated', {}, 400, 'unknown-message-type'],
    ['a MessageType of another type', 'TokenUpdate', { MessageType: 7 }, 400, 'wrong-type'],
    ['a name from the prototype as MessageType', 'constructor', {}, 400, 'unknown-message-type'],
    ['a UDID of another type', 'Authenticate', { UDID: 7 }, 400, 'wrong-type'],
    ['no identifier', 'Authenticate', { UDID: '' }, 400, 'no-identifier'],
    ['an id that is too long', 'Authenticate', { UDID: 'U'.repeat(256) }, 400, 'bad-identifier'],
    [
      'an Authenticate of a user',
      'Authenticate',
      { UserID: 'A' },
      400,
      'authenticate-on-user-channel',
    ],
    ['a UserAuthenticate without user', 'UserAuthenticate', {}, 400, 'no-user'],
    ['a GetToken for no service', 'GetToken', {}, 400, 'no-token-service'],
    [
      'a pairing token without parameters',
      'GetToken',
      { TokenServiceType: 'com.apple.watch.pairing' },
      400,
      'no-token-parameters',
    ],
    [
      'an Endpoint that leaves the base',
      'DeclarativeManagement',
      { Endpoint: '//example.com/x' },
      400,
      'bad-endpoint',
    ],
    [
      'a UserAuthenticate of a stranger',
      'UserAuthenticate',
      { UDID: 'X', UserID: 'A' },
      409,
      'not-enrolled',
    ],
    ['a CheckOut of a stranger', 'CheckOut', { UDID: 'X' }, 409, 'not-enrolled'],
    ['a GetBootstrapToken of a stranger', 'GetBootstrapToken', { UDID: 'X' }, 409, 'not-enrolled'],
  ])(
    'with %s is refused and stores nothing',
    async (_what, messageType, fields, status, reason) => {
      const device = await aDevice();
      await device.enrol();
      const before = await fingerprintOf(server);
      const from = server.log.length;
      const reply = await device.channel.checkIn(messageType, fields);
      expect(reply.status).toBe(status);
      expect(refusalsSince(server, from)).toEqual([reason]);
      expect(await fingerprintOf(server)).toEqual(before);
    },
  );

  it.each([
    ['DeclarativeManagement without --dm', 'DeclarativeManagement', { Endpoint: 'tokens' }],
    ['GetToken without its handler', 'GetToken', { TokenServiceType: 'com.apple.maid' }],
  ])('of %s is kept, and answered 500', async (_what, messageType, fields) => {
    const device = await aDevice();
    await device.enrol();
    expect((await device.channel.checkIn(messageType, fields)).status).toBe(500);
    expect((await eventsOf(server, device.enrollmentId)).at(-1)?.type).toBe(
      `${messageType}Received`,
    );
  });

  it('is taken with keys that nobody knows, with keys of no importance of a wrong type, and in binary', async () => {
    const device = await aDevice();
    const odd = { Frobnicate: [{ Deep: [true] }], DeviceName: 7, OSVersion: [], IMEI: true };
    expect((await device.channel.checkIn('Authenticate', odd)).status).toBe(200);
    expect((await device.tokenUpdate({ NotOnConsole: 'yes' })).status).toBe(200);
  });

  it('does not store the unlock token of a user, and says so in the log', async () => {
    const device = await aDevice();
    await device.enrol();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
    expect((await user.tokenUpdate({ UnlockToken: Buffer.from('secret') })).status).toBe(200);
    const id = `${device.enrollmentId}:A`;
    expect((await enrollmentOf(server, id))?.unlock_token).toBeNull();
    expect(server.log.filter(({ enrollment }) => enrollment === id)).toHaveLength(1);
  });
});

describe('a user who asks to be managed', () => {
  it('is declined with 410 at the first step, and not at the second', async () => {
    const device = await aDevice();
    await device.enrol();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
    const first = await user.userAuthenticate();
    expect(first.status).toBe(410);
    expect(first.body.toString()).toBe('Gone\n');
    expect(await user.userAuthenticate('digest')).toMatchObject({ status: 200, contentType: '' });
    expect(await enrollmentOf(server, `${device.enrollmentId}:A`)).toBeNull();
  });

  it('is let in with an empty challenge where that is switched on, and both steps are kept', async () => {
    const device = await lenient.device(1);
    await device.enrol();
    const user = device.user({ shortName: 'ann', longName: 'Ann', id: 'A' });
    const first = await user.userAuthenticate();
    expect(first.status).toBe(200);
    expect({ ...Object(parsePlist(first.body)) }).toEqual({ DigestChallenge: '' });
    expect((await user.userAuthenticate('digest')).body).toHaveLength(0);
    const kept = await rowsOf(
      lenient,
      `select 1 from check_in where message_type = 'UserAuthenticate'`,
    );
    expect(kept).toHaveLength(2);
  });
});
