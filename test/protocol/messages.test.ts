import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../server/model/errors.ts';
import { Refusal } from '../../server/model/refusal.ts';
import { readCheckIn } from '../../server/protocol/messages/check-in.ts';
import { buildCommand, readCommand } from '../../server/protocol/messages/command.ts';
import { resolveEnrollmentId } from '../../server/protocol/messages/enrollment-id.ts';
import { decodeReport, readReport } from '../../server/protocol/messages/report.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import { recorded } from '../recorded/read.ts';
import { binaryPlist } from './binary-plist.ts';
import { damaged } from './mutations.ts';
import { dictOf } from './plist-values.ts';

/** The code of the refusal, `status code`, or `accepted`. */
function outcome(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return `${error.status} ${error.code}`;
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return 'accepted';
}

const shared = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';

describe('the enrolment that a message belongs to', () => {
  it.each([
    [{ UDID: 'U' }, 'DEVICE', 'U', null, 'U'],
    [{ UDID: 'U', UserID: 'A' }, 'USER', 'U:A', 'U', 'U'],
    [{ UDID: 'U', UserID: shared, UserShortName: 's' }, 'SHARED_IPAD', 'U:s', 'U', 'U'],
    [{ UDID: 'U', UserID: shared }, 'SHARED_IPAD', 'U:', 'U', 'U'],
    [{ UDID: 'U', UserID: shared.toLowerCase() }, 'USER', `U:${shared.toLowerCase()}`, 'U', 'U'],
    [{ UDID: 'U', UserShortName: 's' }, 'DEVICE', 'U', null, 'U'],
    [{ UDID: 'U', UserID: '' }, 'DEVICE', 'U', null, 'U'],
    [{ UDID: 'U', EnrollmentID: 'E', EnrollmentUserID: 'X' }, 'DEVICE', 'U', null, 'U'],
    [{ EnrollmentID: 'E' }, 'USER_ENROLLMENT_DEVICE', 'E', null, 'E'],
    [{ EnrollmentID: 'E', UserID: 'A' }, 'USER_ENROLLMENT_DEVICE', 'E', null, 'E'],
    [{ EnrollmentID: 'E', EnrollmentUserID: 'X' }, 'USER_ENROLLMENT', 'E:X', 'E', 'E'],
    [{ UDID: '', EnrollmentID: 'E' }, 'USER_ENROLLMENT_DEVICE', 'E', null, 'E'],
    [{ UDID: ' a b ' }, 'DEVICE', ' a b ', null, ' a b '],
  ])('of %j is %s %s', (fields, kind, id, parentId, deviceId) => {
    expect(resolveEnrollmentId(fields)).toEqual({ kind, id, parentId, deviceId });
  });

  it.each([
    [{}, '400 no-identifier'],
    [{ UDID: '' }, '400 no-identifier'],
    [{ UserID: 'A', EnrollmentUserID: 'X' }, '400 no-identifier'],
    [{ UDID: 'x'.repeat(255) }, 'accepted'],
    [{ UDID: '😀'.repeat(255) }, 'accepted'],
    [{ UDID: 'x'.repeat(256) }, '400 bad-identifier'],
    [{ UDID: 'x'.repeat(200), UserID: 'x'.repeat(55) }, '400 bad-identifier'],
    [{ UDID: 'a\0b' }, '400 bad-identifier'],
    [{ UDID: 'U', UserID: 'a\nb' }, '400 bad-identifier'],
    [{ EnrollmentID: 'a\x7f' }, '400 bad-identifier'],
  ])('of %j is %s', (fields, expected) => {
    expect(outcome(() => resolveEnrollmentId(fields))).toBe(expected);
  });
});

const tokenUpdate: PlistDict = {
  MessageType: 'TokenUpdate',
  UDID: 'U',
  Topic: 'com.apple.mgmt.External.1',
  Token: Buffer.from('token'),
  PushMagic: 'magic',
};

function without(dict: PlistDict, key: string): PlistDict {
  return Object.fromEntries(Object.entries(dict).filter(([name]) => name !== key));
}

describe('check-in messages', () => {
  it('are read as real devices send them', () => {
    expect(readCheckIn(recorded('Authenticate.2.plist'))).toMatchObject({
      messageType: 'Authenticate',
      enrollment: { kind: 'DEVICE', id: '66ADE930-5FDF-5EC4-8429-15640684C489' },
      topic: 'com.apple.mgmt.External.e0bd1eac-1f17-4c8e-8a63-dd17d3dd35d9',
      serialNumber: 'C02MT66KFLHH',
      deviceName: 'Fruit',
      model: 'iMac14,2',
      modelName: 'iMac',
      productName: 'iMac14,2',
      osVersion: '10.12.6',
      buildVersion: '16G2136',
      imei: undefined,
    });
    expect(readCheckIn(recorded('TokenUpdate.2.plist'))).toMatchObject({
      messageType: 'TokenUpdate',
      token: Buffer.from('G6fJAGbFD3domiTzpCXK9oowD3KeiORgqUFgItXWQsw=', 'base64'),
      pushMagic: '888CEB39-BFFA-40F6-89FA-B60752EB63C2',
      awaitingConfiguration: false,
      unlockToken: undefined,
    });
  });

  it.each([
    [
      { MessageType: 'CheckOut', UDID: 'U', Topic: 't' },
      { messageType: 'CheckOut', topic: 't' },
    ],
    [
      { MessageType: 'UserAuthenticate', UDID: 'U', UserID: 'A', DigestResponse: 'd' },
      { messageType: 'UserAuthenticate', userId: 'A', digestResponse: 'd' },
    ],
    [
      { MessageType: 'SetBootstrapToken', UDID: 'U', BootstrapToken: Buffer.from('b') },
      { messageType: 'SetBootstrapToken', bootstrapToken: Buffer.from('b') },
    ],
    [
      { MessageType: 'SetBootstrapToken', UDID: 'U', AwaitingConfiguration: true },
      { bootstrapToken: undefined, awaitingConfiguration: true },
    ],
    [{ MessageType: 'GetBootstrapToken', UDID: 'U' }, { messageType: 'GetBootstrapToken' }],
    [
      {
        MessageType: 'DeclarativeManagement',
        UDID: 'U',
        Endpoint: 'tokens',
        Data: Buffer.from('{}'),
      },
      { messageType: 'DeclarativeManagement', endpoint: 'tokens', data: Buffer.from('{}') },
    ],
    [
      {
        MessageType: 'GetToken',
        EnrollmentID: 'E',
        TokenServiceType: 'com.apple.maid',
        TokenParameters: { PhoneUDID: 'P' },
      },
      {
        messageType: 'GetToken',
        enrollmentId: 'E',
        tokenServiceType: 'com.apple.maid',
        tokenParameters: { PhoneUDID: 'P' },
      },
    ],
  ] as readonly (readonly [PlistDict, object])[])(
    'read %j, as XML and as binary',
    (dict, fields) => {
      expect(readCheckIn(buildPlist(dict))).toMatchObject(fields);
      expect(readCheckIn(binaryPlist(dictOf(dict)))).toMatchObject(fields);
    },
  );

  it.each(['Topic', 'Token', 'PushMagic'])('refuse a TokenUpdate without %s', (key) => {
    const empty = key === 'Token' ? Buffer.alloc(0) : '';
    expect(outcome(() => readCheckIn(buildPlist(tokenUpdate)))).toBe('accepted');
    expect(outcome(() => readCheckIn(buildPlist(without(tokenUpdate, key))))).toBe(
      '400 missing-field',
    );
    expect(outcome(() => readCheckIn(buildPlist({ ...tokenUpdate, [key]: empty })))).toBe(
      '400 missing-field',
    );
  });

  it.each([
    ['TokenUpdate', 'Token', 'text'],
    ['TokenUpdate', 'Topic', 1],
    ['TokenUpdate', 'UDID', 1],
    ['TokenUpdate', 'UserID', true],
    ['TokenUpdate', 'UserLongName', 1],
    ['TokenUpdate', 'UnlockToken', 'text'],
    ['TokenUpdate', 'AwaitingConfiguration', 'yes'],
    ['TokenUpdate', 'MessageType', 1],
    ['Authenticate', 'SerialNumber', 1],
    ['SetBootstrapToken', 'BootstrapToken', 'text'],
    ['DeclarativeManagement', 'Endpoint', 1],
    ['DeclarativeManagement', 'Data', 'text'],
    ['UserAuthenticate', 'DigestResponse', 1],
    ['GetToken', 'TokenServiceType', 1],
    ['GetToken', 'TokenParameters', 'text'],
  ] as readonly (readonly [string, string, PlistValue])[])(
    'refuse a %s whose %s is of a wrong type',
    (type, key, value) => {
      const message = buildPlist({ ...tokenUpdate, MessageType: type, [key]: value });
      expect(outcome(() => readCheckIn(message))).toBe('400 wrong-type');
    },
  );

  it.each([
    'Model',
    'ModelName',
    'DeviceName',
    'OSVersion',
    'BuildVersion',
    'ProductName',
    'IMEI',
    'MEID',
  ])('take no notice of %s of a wrong type', (key) => {
    const message = buildPlist({ MessageType: 'Authenticate', UDID: 'U', [key]: 5 });
    expect(Object.values(readCheckIn(message))).not.toContain(5);
  });

  it.each([
    [{ UDID: 'U' }, '400 unknown-message-type'],
    [{ MessageType: 'tokenupdate', UDID: 'U' }, '400 unknown-message-type'],
    [{ MessageType: 'constructor', UDID: 'U' }, '400 unknown-message-type'],
    [{ MessageType: 'CheckOut' }, '400 no-identifier'],
  ] as readonly (readonly [PlistDict, string])[])('refuse %j', (dict, expected) => {
    expect(outcome(() => readCheckIn(buildPlist(dict)))).toBe(expected);
  });

  it('refuse what is no property list', () => {
    expect(outcome(() => readCheckIn(Buffer.from('')))).toBe('400 bad-plist');
    expect(outcome(() => readCheckIn(buildPlist(['a'])))).toBe('400 wrong-type');
  });

  it('answer damaged ones with a message or a refusal with status 400', () => {
    const corpus = [
      recorded('Authenticate.2.plist'),
      recorded('TokenUpdate.2.plist'),
      binaryPlist(dictOf(tokenUpdate)),
    ];
    fc.assert(
      fc.property(damaged(...corpus), (body) => {
        expect(outcome(() => readCheckIn(body))).toMatch(/^(accepted|400 .*)$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('reports', () => {
  it('are read as a real device sends them', () => {
    expect(readReport(recorded('DeviceInformation.1.plist'))).toEqual({
      status: 'Acknowledged',
      commandUuid: '76eda240-5488-4989-8339-f2ae160113c4',
      enrollment: {
        kind: 'DEVICE',
        id: '66ADE930-5FDF-5EC4-8429-15640684C489',
        parentId: null,
        deviceId: '66ADE930-5FDF-5EC4-8429-15640684C489',
      },
      isIdle: false,
      isNotNow: false,
    });
    expect(readReport(recorded('mdm-signature-2.body.plist'))).toMatchObject({
      status: 'Idle',
      commandUuid: null,
      isIdle: true,
    });
  });

  it.each([
    [{ Status: 'Idle', UDID: 'U' }, 'accepted'],
    [{ Status: 'Idle', CommandUUID: '', UDID: 'U' }, 'accepted'],
    [{ Status: 'idle', UDID: 'U' }, '400 missing-command-uuid'],
    [{ Status: 'Acknowledged', UDID: 'U' }, '400 missing-command-uuid'],
    [{ Status: 'Acknowledged', CommandUUID: '', UDID: 'U' }, '400 missing-command-uuid'],
    [{ CommandUUID: 'C', UDID: 'U' }, '400 missing-status'],
    [{ Status: '', CommandUUID: 'C', UDID: 'U' }, '400 missing-status'],
    [{ Status: 'Error', CommandUUID: 'C' }, '400 no-identifier'],
    [{ Status: 'Error', CommandUUID: 'x'.repeat(255), UDID: 'U' }, 'accepted'],
    [{ Status: 'Error', CommandUUID: 'x'.repeat(256), UDID: 'U' }, '400 field-too-long'],
    [{ Status: 'x'.repeat(256), CommandUUID: 'C', UDID: 'U' }, '400 field-too-long'],
    [{ Status: 1, CommandUUID: 'C', UDID: 'U' }, '400 wrong-type'],
    [{ Status: 'Error', CommandUUID: 1, UDID: 'U' }, '400 wrong-type'],
    [{ Status: 'Error', CommandUUID: 'C', UDID: 1 }, '400 wrong-type'],
    [{ Status: 'Error', CommandUUID: 'C', UDID: 'U', ErrorChain: 'text' }, '400 wrong-type'],
    [{ Status: 'Error', CommandUUID: 'C', UDID: 'U', ErrorChain: [] }, 'accepted'],
    [{ Status: 'Error', CommandUUID: 'C', UDID: 'U', Other: 1 }, 'accepted'],
  ] as readonly (readonly [PlistDict, string])[])('with %j are %s', (dict, expected) => {
    expect(outcome(() => readReport(buildPlist(dict)))).toBe(expected);
    expect(outcome(() => decodeReport(buildPlist(dict)))).toBe(expected);
  });

  it('say NotNow', () => {
    const body = buildPlist({ Status: 'NotNow', CommandUUID: 'C', UDID: 'U', UserID: 'A' });
    expect(readReport(body)).toMatchObject({ isNotNow: true, enrollment: { id: 'U:A' } });
  });

  it('are decoded with their errors, passing over what is of a wrong type', () => {
    const chain = [
      { ErrorCode: 12021, ErrorDomain: 'MCMDMErrorDomain', USEnglishDescription: 'No.' },
      { ErrorCode: 'many', LocalizedDescription: 'Nein.' },
      'text',
    ];
    const body = buildPlist({ Status: 'Error', CommandUUID: 'C', UDID: 'U', ErrorChain: chain });
    const report = decodeReport(body);
    expect(report.errorChain).toEqual([
      {
        code: 12021,
        domain: 'MCMDMErrorDomain',
        localizedDescription: undefined,
        usEnglishDescription: 'No.',
      },
      {
        code: undefined,
        domain: undefined,
        localizedDescription: 'Nein.',
        usEnglishDescription: undefined,
      },
    ]);
    expect(report.dict).toEqual(parsePlist(body));
  });

  it('may carry anything behind the root', () => {
    const body = buildPlist({ Status: 'Idle', UDID: 'U' });
    expect(readReport(Buffer.concat([body, Buffer.from([0xff, 0])])).isIdle).toBe(true);
  });
});

describe('commands', () => {
  it('are written and read again', () => {
    const bytes = buildCommand('InstallProfile', { Payload: Buffer.from('p') }, 'C-1');
    expect(readCommand(bytes)).toEqual({
      commandUuid: 'C-1',
      requestType: 'InstallProfile',
      value: dictOf({
        CommandUUID: 'C-1',
        Command: dictOf({ RequestType: 'InstallProfile', Payload: Buffer.from('p') }),
      }),
    });
  });

  it.each([
    [{ CommandUUID: 'C', Command: { RequestType: 'R' } }, 'accepted'],
    [{ Command: { RequestType: 'R' } }, 'MISSING_COMMAND_UUID'],
    [{ CommandUUID: '', Command: { RequestType: 'R' } }, 'MISSING_COMMAND_UUID'],
    [{ CommandUUID: 'C' }, 'MISSING_REQUEST_TYPE'],
    [{ CommandUUID: 'C', Command: {} }, 'MISSING_REQUEST_TYPE'],
    [{ CommandUUID: 1, Command: { RequestType: 'R' } }, 'WRONG_TYPE'],
    [{ CommandUUID: 'C', Command: 'R' }, 'WRONG_TYPE'],
    [{ CommandUUID: 'C', Command: { RequestType: 1 } }, 'WRONG_TYPE'],
    [{ CommandUUID: 'x'.repeat(256), Command: { RequestType: 'R' } }, 'TOO_LONG'],
    [{ CommandUUID: 'C', Command: { RequestType: 'x'.repeat(256) } }, 'TOO_LONG'],
    [['a'], 'WRONG_TYPE'],
  ] as readonly (readonly [PlistValue, string])[])('with %j are %s', (value, expected) => {
    expect(outcome(() => readCommand(buildPlist(value)))).toBe(expected);
  });

  it('are refused with something behind them, which devices would be sent', () => {
    const bytes = Buffer.concat([buildCommand('R', {}, 'C'), Buffer.from('x')]);
    expect(outcome(() => readCommand(bytes))).toBe('NOT_A_PLIST');
    expect(outcome(() => readCommand(Buffer.from('{}')))).toBe('NOT_A_PLIST');
  });

  it('say where in the input they stood', () => {
    expect(() => readCommand(Buffer.from(''), ['input', 'plist'])).toThrow(
      expect.objectContaining({ argumentPath: ['input', 'plist'] }),
    );
  });
});
