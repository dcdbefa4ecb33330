import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { printCatalogue } from '../../scripts/catalogue/print.ts';
import { readCatalogue } from '../../scripts/catalogue/read.ts';
import { checkInDefinition, messageTypes } from '../../server/catalogue/check-ins.ts';
import { commandDefinition, payloadKeys, responseKeys } from '../../server/catalogue/commands.ts';
import {
  declarationDefinition,
  declarationTypes,
  statusItemDefinition,
  statusItemTypes,
} from '../../server/catalogue/declarations.ts';
import type { KeyDefinition } from '../../server/catalogue/definition.ts';
import { documentDefinition, errorDefinitions } from '../../server/catalogue/documents.ts';
import { payloadTypes, profileDefinitions } from '../../server/catalogue/profiles.ts';
import { supportOn } from '../../server/catalogue/support.ts';

function named(keys: readonly KeyDefinition[], name: string): KeyDefinition {
  const found = keys.find(({ key }) => key === name);
  if (!found) throw new Error(`no key ${name}`);
  return found;
}

describe('the catalogue', () => {
  it('knows DeviceLock as mdm/commands/device.lock.yaml has it', () => {
    const lock = commandDefinition('DeviceLock');
    expect(lock?.keys).toEqual([
      {
        key: 'Message',
        type: 'string',
        os: {
          iOS: { introduced: '7.0', sharedipad: { mode: 'ignored' } },
          macOS: '10.14',
          visionOS: null,
        },
      },
      {
        key: 'PhoneNumber',
        type: 'string',
        os: {
          iOS: { introduced: '7.0', sharedipad: { mode: 'ignored' } },
          macOS: '11.5',
          visionOS: null,
        },
      },
      {
        key: 'PIN',
        type: 'string',
        secret: true,
        os: { iOS: null, macOS: '10.8', visionOS: null, watchOS: null },
      },
    ]);
    expect(lock?.response).toEqual([{ key: 'MessageResult', type: 'string' }]);
    expect(supportOn('tvOS', lock?.os)).toBeNull();
    expect(supportOn('macOS', lock?.os)).toEqual({
      introduced: '10.7',
      accessrights: 'AllowPasscodeRemovalAndLock',
      devicechannel: true,
      userchannel: false,
      requiresdep: false,
      userenrollment: 'forbidden',
    });
  });

  it('puts what a key says over what its command says', () => {
    const lock = commandDefinition('DeviceLock');
    const pin = named(payloadKeys('DeviceLock'), 'PIN');
    expect(supportOn('macOS', lock?.os, pin.os)?.introduced).toBe('10.8');
    expect(supportOn('iOS', lock?.os, pin.os)).toBeNull();
    expect(supportOn('tvOS', undefined)).toBeNull();
  });

  it('keeps values, ranges and required keys', () => {
    const responses = responseKeys('DeviceInformation');
    const queries = named(responses, 'QueryResponses');
    expect(queries).toMatchObject({ type: 'dictionary', required: true });
    expect(named(queries.keys ?? [], 'DeviceCapacity').type).toBe('real');
    const service = named(checkInDefinition('GetToken')?.keys ?? [], 'TokenServiceType');
    expect(service.values).toEqual(['com.apple.maid', 'com.apple.watch.pairing']);
    expect(commandDefinition('Frobnicate')).toBeUndefined();
    expect(payloadKeys('Frobnicate')).toEqual([]);
  });

  it('has check-ins, profiles, declarations, status items, errors and documents', () => {
    expect(messageTypes).toEqual([
      'Authenticate',
      'CheckOut',
      'DeclarativeManagement',
      'GetBootstrapToken',
      'GetToken',
      'SetBootstrapToken',
      'TokenUpdate',
      'UserAuthenticate',
    ]);
    expect(payloadTypes).toContain('com.apple.security.scep');
    expect(profileDefinitions('com.apple.MCX').length).toBeGreaterThan(1);
    expect(declarationTypes).toContain('com.apple.configuration.passcode.settings');
    expect(declarationDefinition('com.apple.activation.simple')).toMatchObject({
      kind: 'activation',
    });
    expect(statusItemTypes).toContain('device.model.family');
    expect(statusItemDefinition('device.model.family')?.keys).toEqual([
      { key: 'device.model.family', type: 'string', required: true },
    ]);
    expect([...errorDefinitions.keys()]).toContain('com.apple.unrecognized.device');
    expect(documentDefinition('MachineInfo')).toBeDefined();
  });

  it('ends recursive definitions with the name of the key that they repeat', () => {
    const layout = profileDefinitions('com.apple.homescreenlayout');
    expect(JSON.stringify(layout)).toContain('"keysOf"');
  });
});

const schema = fileURLToPath(new URL('../../../shared/apple-device-management', import.meta.url));

describe.runIf(existsSync(schema))("the catalogue's data", () => {
  it("are what Apple's schema gives", () => {
    for (const { name, text } of printCatalogue(readCatalogue(schema))) {
      const data = new URL(`../../server/catalogue/facts/${name}`, import.meta.url);
      expect(readFileSync(data, 'utf8') === text, name).toBe(true);
    }
  });
});
