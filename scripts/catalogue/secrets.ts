import type { KeyDefinition } from '../../server/catalogue/definition.ts';
import { isSecretName } from '../../server/catalogue/secret-names.ts';

/**
 * Secret or opaque values that no name gives away, by hand from Apple's definitions: file, then path
 * of keys, then the reason.
 */
const secretPaths: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mdm/commands/profile.install.yaml': { Payload: 'a profile may hold passwords and private keys' },
  'mdm/commands/device.erase.yaml': {
    'ReturnToService.WiFiProfileData': 'a profile with the network password',
    'ReturnToService.MDMProfileData': 'a profile with the enrolment challenge',
  },
  'mdm/commands/application.install.yaml': { Configuration: 'opaque; apps take credentials so' },
  'mdm/commands/application.install.enterprise.yaml': {
    Configuration: 'opaque; apps take credentials so',
  },
  'mdm/commands/settings.yaml': {
    'Settings.ApplicationConfiguration.Configuration': 'opaque; apps take credentials so',
  },
  'mdm/commands/managed.application.configuration.yaml': {
    'response.ApplicationConfigurations.ApplicationConfigurationsItem.Configuration':
      'opaque; apps take credentials so',
  },
  'mdm/commands/managed.application.feedback.yaml': {
    'response.ManagedApplicationFeedback.ManagedApplicationFeedbackItem.Feedback':
      'opaque; written by the app',
  },
  'mdm/commands/application.invitetoprogram.yaml': {
    InvitationURL: 'who opens it gets the licence: the address carries the invitation code',
  },
  'mdm/checkin/gettoken.yaml': { 'response.TokenData': 'the token itself' },
  'mdm/checkin/userauthenticate.yaml': { DigestResponse: "computed from the user's password" },
  'mdm/profiles/com.apple.security.pkcs12.yaml': { PayloadContent: 'holds a private key' },
  'declarative/declarations/assets/credentials/identity.yaml': {
    Identity: 'holds a private key',
  },
  'declarative/declarations/assets/credentials/acme.yaml': {
    ClientIdentifier: 'what lets its bearer have the certificate',
  },
  'mdm/profiles/com.apple.security.acme.yaml': {
    ClientIdentifier: 'what lets its bearer have the certificate',
  },
  'other/passwordhash.yaml': {
    'SALTED-SHA512-PBKDF2.entropy': 'the derived key of a password',
    'SALTED-SHA512-PBKDF2.salt': 'part of what a guesser needs',
  },
};

/** Keys that only their names make look like secrets. */
const harmlessPaths: ReadonlySet<string> = new Set([
  // The name of a pane of Setup Assistant.
  'other/skipkeys.yaml: Passcode',
  // A revision of a downloaded asset.
  'declarative/status/services.background-task.yaml: services.background-task.status_value.launchd.device-management.asset-server-token',
]);

/** Which of a file's hand-listed paths were found; the rest point at something Apple has renamed. */
export function unusedSecretPaths(used: ReadonlySet<string>): string[] {
  return Object.entries(secretPaths).flatMap(([file, paths]) =>
    Object.keys(paths)
      .map((path) => `${file}: ${path}`)
      .filter((name) => !used.has(name)),
  );
}

/**
 * Whether a key's value is to be sealed and redacted: by its name if it can hold text or bytes of its
 * own (no list of values, no flag, no number), or by the list above.
 * @param used  collects the entries of the list that matched
 */
export function isSecret(
  file: string,
  path: readonly string[],
  key: Pick<KeyDefinition, 'key' | 'type' | 'values'>,
  used: Set<string>,
): boolean {
  const name = path.join('.');
  if (Object.hasOwn(secretPaths[file] ?? {}, name)) {
    used.add(`${file}: ${name}`);
    return true;
  }
  if (harmlessPaths.has(`${file}: ${name}`)) return false;
  const free = key.values === undefined && ['string', 'data', 'any'].includes(key.type);
  return free && isSecretName(key.key);
}
