import { isIP } from 'node:net';
import { ValidationError } from '../model/errors.ts';

/** How a user's own device is enrolled: it belongs to the user (BYOD) or to the organisation (ADDE). */
export interface AccountDriven {
  readonly enrollmentMode: 'BYOD' | 'ADDE';
  readonly assignedManagedAppleId: string;
}

/**
 * The values of an MDM payload that an update of it must not change, or that make it an update at
 * all. Each enrolment records those that it was enrolled with, and is renewed with exactly them,
 * whatever the settings are by then.
 */
export interface FixedValues {
  /** The identifiers and UUIDs of the profile and its payloads are derived from this, the topic too. */
  readonly publicUrl: string;
  readonly topic: string;
  readonly serverUrl: string;
  /** Null where check-ins go to the server URL. */
  readonly checkInUrl: string | null;
  readonly accessRights: number;
  readonly serverCapabilities: readonly string[];
  readonly accountDriven: AccountDriven | null;
}

/** All of Apple's rights, 1 to 4096. */
const allRights = 8191;

/**
 * Puts together what new enrolments are made with.
 * @throws {ValidationError} devices would refuse a profile made with it
 */
export function fixedValues(settings: {
  readonly publicUrl: URL;
  /** `com.apple.mgmt.…`, as in the push certificate. */
  readonly topic: string;
  readonly serverUrl: URL;
  readonly checkInUrl?: URL;
  /** @default 8191, all */
  readonly accessRights?: number;
  /** Whether a handler answers GetToken. @default false */
  readonly getToken?: boolean;
  readonly accountDriven?: AccountDriven;
}): FixedValues {
  const { publicUrl, topic, serverUrl, checkInUrl, accountDriven } = settings;
  const accessRights = settings.accessRights ?? allRights;
  if (!topic.startsWith('com.apple.mgmt.')) {
    throw new ValidationError('TOPIC_INVALID', 'The topic must begin with com.apple.mgmt.', [
      'topic',
    ]);
  }
  checkUrl(serverUrl, 'serverUrl');
  if (checkInUrl !== undefined) checkUrl(checkInUrl, 'checkInUrl');
  checkRights(accessRights);
  return {
    publicUrl: publicUrl.href,
    topic,
    serverUrl: serverUrl.href,
    checkInUrl: checkInUrl?.href ?? null,
    accessRights,
    serverCapabilities: [
      'com.apple.mdm.per-user-connections',
      'com.apple.mdm.bootstraptoken',
      ...(settings.getToken === true ? ['com.apple.mdm.token'] : []),
    ],
    accountDriven: accountDriven ?? null,
  };
}

/** Devices take https only; plain http is left to simulators on this machine. */
function checkUrl(url: URL, field: string): void {
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && local)) return;
  throw new ValidationError(
    'URL_NOT_HTTPS',
    'Devices accept only addresses that begin with https.',
    [field],
  );
}

/** The rules of `AccessRights` in com.apple.mdm: each modifying right needs the inspecting one. */
function checkRights(rights: number): void {
  const has = (bit: number) => (rights & bit) !== 0;
  const inRange = Number.isInteger(rights) && rights > 0 && rights <= allRights;
  if (inRange && (!has(2) || has(1)) && (!has(128) || has(64))) return;
  throw new ValidationError(
    'ACCESS_RIGHTS_INVALID',
    'Access rights are 1 to 8191; 2 needs 1, and 128 needs 64.',
    ['accessRights'],
  );
}

/** The server's name in the order of a bundle identifier, such as `com.example.mdm`. */
export function identifierPrefix(publicUrl: string): string {
  const { hostname } = new URL(publicUrl);
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return `host-${bare.replace(/[.:]+/g, '-')}`;
  return bare.split('.').toReversed().join('.');
}
