import { createHash } from 'node:crypto';
import type { Platform } from '../../server/catalogue/definition.ts';

/** How a device is enrolled: `user-enrollment` has an EnrollmentID and tells no UDID or serial. */
export type EnrollmentStyle = 'device' | 'user-enrollment';

/** What a simulated device is, and says of itself. */
export interface DeviceFacts {
  readonly style: EnrollmentStyle;
  readonly platform: Platform;
  readonly udid: string;
  /** For user enrolment. */
  readonly enrollmentId: string;
  readonly serialNumber: string;
  readonly deviceName: string;
  readonly model: string;
  readonly modelName: string;
  readonly productName: string;
  readonly osVersion: string;
  readonly buildVersion: string;
  readonly topic: string;
  /** Whether it stops in Setup Assistant until DeviceConfigured arrives. */
  readonly awaitingConfiguration: boolean;
  /** Its identities, for CertificateList. */
  readonly certificates: readonly { readonly commonName: string; readonly der: Buffer }[];
}

const models = [
  {
    platform: 'macOS',
    model: 'Z17G',
    modelName: 'MacBook Air',
    productName: 'Mac15,12',
    osVersion: '15.3',
    buildVersion: '24D60',
  },
  {
    platform: 'iOS',
    model: 'MLPF3',
    modelName: 'iPhone',
    productName: 'iPhone14,5',
    osVersion: '18.3',
    buildVersion: '22D63',
  },
  {
    platform: 'iOS',
    model: 'MK2K3',
    modelName: 'iPad',
    productName: 'iPad12,1',
    osVersion: '18.3',
    buildVersion: '22D63',
  },
  {
    platform: 'tvOS',
    model: 'MN893',
    modelName: 'Apple TV',
    productName: 'AppleTV14,1',
    osVersion: '18.3',
    buildVersion: '22K557',
  },
] as const;

/** The topic that devices name when they are given no other. */
export const defaultTopic = 'com.apple.mgmt.External.00000000-0000-4000-8000-000000000000';

function uuid(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex').toUpperCase();
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

/**
 * The facts of the device with this number: the same number gives the same device, so that a second
 * run of a fleet meets the enrolments of the first. Kinds of device take turns.
 * @param overrides  what is to be otherwise
 */
export function deviceFacts(number: number, overrides: Partial<DeviceFacts> = {}): DeviceFacts {
  const [fallback] = models;
  const hardware = models[number % models.length] ?? fallback;
  return {
    style: 'device',
    ...hardware,
    udid: uuid(`device ${number}`),
    enrollmentId: uuid(`enrollment ${number}`),
    serialNumber: `SIM${String(number).padStart(9, '0')}`,
    deviceName: `${hardware.modelName} ${number}`,
    topic: defaultTopic,
    awaitingConfiguration: false,
    certificates: [],
    ...overrides,
  };
}
