import { responseKeys } from '../../server/catalogue/commands.ts';
import type { KeyDefinition } from '../../server/catalogue/definition.ts';
import { supportOn } from '../../server/catalogue/support.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import type { DeviceFacts } from './facts.ts';
import { plausibleValue } from './plausible.ts';

const queryResponses: ReadonlyMap<string, KeyDefinition> = new Map(
  responseKeys('DeviceInformation')
    .flatMap((key) => key.keys ?? [])
    .map((key) => [key.key, key]),
);

/** What the device knows about itself by the names of Apple's queries. */
function told(facts: DeviceFacts): PlistDict {
  return {
    ...(facts.style === 'device' && { UDID: facts.udid, SerialNumber: facts.serialNumber }),
    DeviceName: facts.deviceName,
    Model: facts.model,
    ModelName: facts.modelName,
    ProductName: facts.productName,
    OSVersion: facts.osVersion,
    BuildVersion: facts.buildVersion,
    IsSupervised: facts.style === 'device',
    AwaitingConfiguration: facts.awaitingConfiguration,
    DeviceCapacity: 256.5,
    AvailableDeviceCapacity: 127.25,
    BatteryLevel: 0.5,
  };
}

/**
 * The answer to a DeviceInformation query. As real devices do, it leaves out what the device does not
 * know: queries of other platforms, and names that Apple's schema has not.
 */
export function deviceInformation(facts: DeviceFacts, queries: PlistValue | undefined): PlistDict {
  const own = told(facts);
  const names: readonly PlistValue[] = Array.isArray(queries) ? queries : [];
  const answers = names.flatMap((name): [string, PlistValue][] => {
    if (typeof name !== 'string') return [];
    const value = own[name] ?? schemaValue(name, facts);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(answers);
}

function schemaValue(name: string, facts: DeviceFacts): PlistValue | undefined {
  if (facts.style === 'user-enrollment' && ['UDID', 'SerialNumber'].includes(name))
    return undefined;
  const definition = queryResponses.get(name);
  if (!definition) return undefined;
  const said = definition.os?.[facts.platform];
  if (said !== undefined && supportOn(facts.platform, definition.os) === null) return undefined;
  return plausibleValue(definition, facts.platform);
}

/** The answer to SecurityInfo, by platform. */
export function securityInfo(facts: DeviceFacts): PlistDict {
  const common = {
    PasscodePresent: true,
    PasscodeCompliant: true,
    PasscodeCompliantWithProfiles: true,
  };
  if (facts.platform !== 'macOS') return { HardwareEncryptionCaps: 3, ...common };
  return {
    FDE_Enabled: true,
    FDE_HasPersonalRecoveryKey: true,
    FDE_HasInstitutionalRecoveryKey: false,
    SystemIntegrityProtectionEnabled: true,
    RemoteDesktopEnabled: false,
    FirewallSettings: { FirewallEnabled: true, BlockAllIncoming: false, StealthMode: false },
    ManagementStatus: {
      EnrolledViaDEP: facts.awaitingConfiguration,
      UserApprovedEnrollment: true,
      IsUserEnrollment: facts.style === 'user-enrollment',
    },
  };
}
