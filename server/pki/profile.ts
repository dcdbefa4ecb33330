import { createHash } from 'node:crypto';
import { ValidationError } from '../model/errors.ts';
import { buildPlist } from '../protocol/plist/build.ts';
import type { PlistDict } from '../protocol/plist/value.ts';
import type { FixedValues } from './profile-values.ts';
import { identifierPrefix } from './profile-values.ts';
import { uuid5 } from './uuid5.ts';

/** Where and how a device gets its identity. */
export interface ScepSettings {
  readonly url: URL;
  /** The authority's name on that server; `generationName` for the built-in one. */
  readonly name?: string;
  /** A secret. */
  readonly challenge?: string;
  /** The authority's certificate, DER: the device checks what it is offered against its print. */
  readonly authority?: Buffer;
  /** Key and value pairs, such as `['O', 'Example']`. @default O and CN, the same for all */
  readonly subject?: readonly (readonly [string, string])[];
  /** @default 2048 */
  readonly keySize?: 2048 | 4096;
}

/** What an enrolment profile is made of. */
export interface EnrollmentProfile {
  readonly fixed: FixedValues;
  readonly scep: ScepSettings;
  /** Roots that the device shall trust, DER: for a server certificate from a private authority. */
  readonly trustedRoots?: readonly Buffer[];
  /** Shown to the user. @default 'graphmdm' */
  readonly organization?: string;
  /** @default 'Device management' */
  readonly displayName?: string;
}

const profileKind = 'enrollment';

/**
 * Writes an enrolment profile: SCEP, MDM, and root payloads. Equal for all devices but for the
 * challenge, and with identifiers that stay, so that devices take it again as an update.
 * @returns an XML property list
 * @throws {ValidationError} a text has a character that XML cannot carry
 */
export function buildEnrollmentProfile(profile: EnrollmentProfile): Buffer {
  const { fixed, scep, trustedRoots = [], organization = 'graphmdm' } = profile;
  const displayName = profile.displayName ?? 'Device management';
  const payloads = [
    ...trustedRoots.map((root) => rootPayload(fixed, root)),
    scepPayload(fixed, scep, organization),
    mdmPayload(fixed),
  ];
  const content: PlistDict = {
    ...payloadHead(fixed, 'Configuration', profileKind, displayName),
    PayloadOrganization: organization,
    PayloadDescription: `Lets ${organization} manage this device.`,
    ...(fixed.accountDriven === null && { PayloadScope: 'System' }),
    PayloadContent: payloads,
  };
  try {
    return buildPlist(content);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ValidationError('PROFILE_TEXT_INVALID', error.message);
  }
}

function mdmPayload(fixed: FixedValues): PlistDict {
  const { topic, serverUrl, checkInUrl, accountDriven } = fixed;
  return {
    ...payloadHead(fixed, 'com.apple.mdm', 'mdm', 'Management'),
    IdentityCertificateUUID: payloadUuid(fixed, 'scep'),
    Topic: topic,
    ServerURL: serverUrl,
    ...(checkInUrl !== null && { CheckInURL: checkInUrl }),
    SignMessage: true,
    CheckOutWhenRemoved: true,
    ServerCapabilities: fixed.serverCapabilities,
    ...(accountDriven === null
      ? { AccessRights: fixed.accessRights }
      : {
          EnrollmentMode: accountDriven.enrollmentMode,
          AssignedManagedAppleID: accountDriven.assignedManagedAppleId,
        }),
  };
}

function scepPayload(fixed: FixedValues, scep: ScepSettings, organization: string): PlistDict {
  const { url, name, challenge, authority, keySize = 2048 } = scep;
  const subject = scep.subject ?? [
    ['O', organization],
    ['CN', 'MDM device identity'],
  ];
  return {
    ...payloadHead(fixed, 'com.apple.security.scep', 'scep', 'Identity'),
    PayloadContent: {
      URL: url.href,
      ...(name !== undefined && { Name: name }),
      ...(challenge !== undefined && { Challenge: challenge }),
      // Apple compares SHA-1; what it guards is only which authority is meant.
      ...(authority && { CAFingerprint: createHash('sha1').update(authority).digest() }),
      Subject: subject.map((pair) => [[...pair]]),
      Keysize: keySize,
      'Key Type': 'RSA',
      'Key Usage': 5,
      KeyIsExtractable: false,
    },
  };
}

function rootPayload(fixed: FixedValues, root: Buffer): PlistDict {
  const print = createHash('sha256').update(root).digest('hex').slice(0, 16);
  return {
    ...payloadHead(fixed, 'com.apple.security.root', `root.${print}`, "Server's authority"),
    PayloadContent: root,
  };
}

/** @param kind  one of a kind in the profile; what identifier and UUID are derived from */
function payloadHead(
  fixed: FixedValues,
  type: string,
  kind: string,
  displayName: string,
): PlistDict {
  return {
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: payloadIdentifier(fixed, kind),
    PayloadUUID: payloadUuid(fixed, kind),
    PayloadDisplayName: displayName,
  };
}

/** PayloadIdentifier of the profile that is made with these values. */
export function profileIdentifier(fixed: FixedValues): string {
  return payloadIdentifier(fixed, profileKind);
}

function payloadIdentifier({ publicUrl }: FixedValues, kind: string): string {
  return `${identifierPrefix(publicUrl)}.graphmdm.${kind}`;
}

function payloadUuid({ publicUrl, topic }: FixedValues, kind: string): string {
  return uuid5(publicUrl, topic, kind);
}
