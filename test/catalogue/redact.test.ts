import { describe, expect, it } from 'vitest';
import { checkInsData } from '../../server/catalogue/facts/check-ins.ts';
import { commandsData } from '../../server/catalogue/facts/commands.ts';
import type { KeyDefinition } from '../../server/catalogue/definition.ts';
import { redact, redactCheckIn, redactCheckInReply } from '../../server/catalogue/redact.ts';
import { secretKeys } from '../../server/catalogue/secret-bearing.ts';
import type { PlistValue } from '../../server/protocol/plist/value.ts';

const bytes = Buffer.from('planted-secret');

/** A value for a key: each marked one, and what lies below it, is a planted secret. */
function example(key: KeyDefinition, secret = false): PlistValue {
  const marked = secret || key.secret === true;
  if (marked && key.type === 'dictionary') return { any: 'planted-secret' };
  if (marked) return key.type === 'data' ? bytes : 'planted-secret';
  if (key.type === 'array') return (key.keys ?? []).map((item) => example(item));
  if (key.type === 'dictionary') return dict(key.keys ?? []);
  if (key.type === 'boolean') return true;
  if (key.type === 'integer' || key.type === 'real') return 7;
  if (key.type === 'data') return Buffer.from('open');
  return 'open';
}

function dict(keys: readonly KeyDefinition[]): PlistValue {
  return Object.fromEntries(keys.map((key) => [key.key, example(key)]));
}

function text(value: PlistValue): string {
  return JSON.stringify(value, (_, inner) =>
    inner?.type === 'Buffer' ? Buffer.from(inner.data).toString() : inner,
  );
}

describe('redacting', () => {
  it('hides every marked value of every command and result, and only those', () => {
    for (const { type, keys, response } of commandsData) {
      const body = { CommandUUID: 'u', Command: { RequestType: type, ...Object(dict(keys)) } };
      const result = {
        CommandUUID: 'u',
        Status: 'Acknowledged',
        UDID: 'd',
        ...Object(dict(response)),
      };
      for (const [part, value] of [
        ['body', body],
        ['result', result],
      ] as const) {
        const seen = redact(value, type, part);
        const planted = text(value).split('planted-secret').length - 1;
        expect(text(seen), `${type} ${part}`).not.toContain('planted-secret');
        expect(text(seen).split('<redacted>').length - 1, `${type} ${part}`).toBe(planted);
        expect(secretKeys(type, part).length, `${type} ${part}`).toBe(planted);
      }
    }
  });

  it('hides every marked value of every check-in message and reply', () => {
    for (const { type, keys, response } of checkInsData) {
      const message = { ...Object(dict(keys)), MessageType: type };
      expect(text(redactCheckIn(message)), type).not.toContain('planted-secret');
      expect(text(redactCheckInReply(dict(response), type)), type).not.toContain('planted-secret');
    }
    const seen = redactCheckIn({
      MessageType: 'TokenUpdate',
      UDID: 'D',
      Topic: 'com.apple.mgmt.x',
      Token: bytes,
      PushMagic: 'planted-secret',
      UnlockToken: bytes,
      AwaitingConfiguration: false,
    });
    expect({ ...Object(seen) }).toEqual({
      MessageType: 'TokenUpdate',
      UDID: 'D',
      Topic: 'com.apple.mgmt.x',
      Token: '<redacted>',
      PushMagic: '<redacted>',
      UnlockToken: '<redacted>',
      AwaitingConfiguration: false,
    });
  });

  it('leaves only the envelope of a message of unknown type', () => {
    const report = {
      CommandUUID: 'u',
      Status: 'Acknowledged',
      UDID: 'd',
      NewThing: { a: 'secret' },
    };
    const expected = {
      CommandUUID: 'u',
      Status: 'Acknowledged',
      UDID: 'd',
      NewThing: '<redacted>',
    };
    expect({ ...Object(redact(report, 'Frobnicate', 'result')) }).toEqual(expected);
    expect({ ...Object(redact(report, null, 'result')) }).toEqual(expected);
    const body = { CommandUUID: 'u', Command: { RequestType: 'Frobnicate', Key: 'secret' } };
    expect(text(redact(body, 'Frobnicate', 'body'))).toBe(
      '{"CommandUUID":"u","Command":{"RequestType":"Frobnicate","Key":"<redacted>"}}',
    );
    expect(redact('a text', 'DeviceLock', 'body')).toBe('<redacted>');
    expect(text(redactCheckIn({ MessageType: 'New', UDID: 'd', Thing: 'secret' }))).toBe(
      '{"MessageType":"New","UDID":"d","Thing":"<redacted>"}',
    );
  });

  it('hides a secret that has the wrong shape, and an unknown key whose name gives it away', () => {
    const body = (command: PlistValue): string =>
      text(redact({ Command: command }, 'RotateFileVaultKey', 'body'));
    expect(body({ FileVaultUnlock: 'planted-secret' })).not.toContain('planted');
    expect(body({ FileVaultUnlock: ['planted-secret'] })).not.toContain('planted');
    expect(body({ FileVaultUnlock: { Password: { x: 'planted-secret' } } })).not.toContain(
      'planted',
    );
    expect(body({ NewerPassword: 'planted-secret' })).not.toContain('planted');
    expect(body({ Newer: [{ RecoveryKey: 'planted-secret' }, bytes] })).not.toContain('planted');
    expect(body('planted-secret')).not.toContain('planted');
  });

  it('finds the secret among the settings of one command and leaves the others readable', () => {
    const settings = [
      { Item: 'DeviceName', DeviceName: 'Lobby' },
      {
        Item: 'ApplicationConfiguration',
        Identifier: 'com.example',
        Configuration: { k: 'planted' },
      },
    ];
    const seen = redact(
      { Command: { RequestType: 'Settings', Settings: settings } },
      'Settings',
      'body',
    );
    expect(text(seen)).toBe(
      '{"Command":{"RequestType":"Settings","Settings":[{"Item":"DeviceName","DeviceName":"Lobby"},' +
        '{"Item":"ApplicationConfiguration","Identifier":"com.example","Configuration":"<redacted>"}]}}',
    );
  });

  it('does not change what it was given', () => {
    const value = { Command: { RequestType: 'DeviceLock', PIN: '123456' } };
    redact(value, 'DeviceLock', 'body');
    expect(value.Command.PIN).toBe('123456');
  });
});
