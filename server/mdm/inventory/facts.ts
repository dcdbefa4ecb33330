import type { DeviceFacts } from '../../store/inventory/facts.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';

type Told = Omit<DeviceFacts, 'enrollmentKey' | 'at'>;

/** What a section says for the columns that enrolments are found by. */
export function factsIn(section: string, content: Json): Told {
  if (section === 'InstalledApplicationList') {
    return Array.isArray(content) ? { applicationCount: content.length } : {};
  }
  if (!isJsonObject(content)) return {};
  if (section === 'SecurityInfo') {
    return {
      ...flag(content, 'PasscodePresent', 'passcodePresent'),
      ...flag(content, 'FDE_Enabled', 'fileVaultEnabled'),
    };
  }
  if (section !== 'DeviceInformation') return {};
  return {
    ...text(content, 'DeviceName', 'deviceName'),
    ...text(content, 'OSVersion', 'osVersion'),
    ...text(content, 'BuildVersion', 'buildVersion'),
    ...text(content, 'Model', 'model'),
    ...text(content, 'ModelName', 'modelName'),
    ...text(content, 'ProductName', 'productName'),
    ...text(content, 'IMEI', 'imei'),
    ...text(content, 'MEID', 'meid'),
    ...text(content, 'SerialNumber', 'serialNumber'),
    ...flag(content, 'IsSupervised', 'supervised'),
    ...flag(content, 'IsAppleSilicon', 'appleSilicon'),
    ...flag(content, 'IsActivationLockEnabled', 'activationLockEnabled'),
    ...number(content, 'BatteryLevel', 'batteryLevel'),
    ...number(content, 'DeviceCapacity', 'deviceCapacity'),
    ...number(content, 'AvailableDeviceCapacity', 'availableDeviceCapacity'),
  };
}

/** As long as a column is meant to be. */
const longest = 255;

function text(content: JsonObject, key: string, name: keyof Told): Told {
  const value = content[key];
  return typeof value === 'string' && value !== '' ? { [name]: value.slice(0, longest) } : {};
}

function flag(content: JsonObject, key: string, name: keyof Told): Told {
  const value = content[key];
  return typeof value === 'boolean' ? { [name]: value } : {};
}

function number(content: JsonObject, key: string, name: keyof Told): Told {
  const value = content[key];
  return typeof value === 'number' ? { [name]: value } : {};
}
