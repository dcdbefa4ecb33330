/**
 * Commands that wipe, lock, un-enrol or shut somebody out, by Apple's definitions, and why. Sent to
 * a filter or to all they need a dry run first (`expectedCount`).
 */
export const destructiveReasons: Readonly<Record<string, string>> = {
  ClearActivationLockBypassCode: 'the code that opens a locked device without its owner is gone',
  ClearPasscode: 'whoever holds the device gets in',
  ClearRestrictionsPassword: 'whoever holds the device can change its restrictions',
  DeleteUser: "wipes a user's account and data",
  DeviceLock: 'locks the device; a Mac restarts and asks for the PIN of the command',
  EnableLostMode: 'locks the device until lost mode is ended',
  EraseDevice: 'wipes the device',
  LOMDeviceRequest: 'powers other machines off or resets them',
  LogOutUser: "ends the user's session",
  RemoveApplication: 'wipes the app with its data',
  RemoveProfile: 'un-enrols when the profile is the one of the enrolment; else takes access away',
  RestartDevice: "ends the users' sessions at once; then it waits for a passcode to be entered",
  RotateFileVaultKey: 'the recovery key that people know stops opening the disk',
  SetAutoAdminPassword: 'shuts out who knows the old password',
  SetFirmwarePassword: 'locks start-up options behind a password',
  SetRecoveryLock: 'locks recovery behind a password',
  ShutDownDevice: 'cannot be reached again until somebody switches it on',
};

/**
 * Commands judged to do none of that. A list, not "everything else", so that a command which a newer
 * schema brings counts as destructive until somebody has judged it.
 */
const harmless: ReadonlySet<string> = new Set([
  'AccountConfiguration',
  'ActivationLockBypassCode',
  'ActiveNSExtensions',
  'ApplyRedemptionCode',
  'AvailableOSUpdates',
  'CertificateList',
  'ContentCachingInformation',
  'DeclarativeManagement',
  'DeviceConfigured',
  'DeviceInformation',
  'DeviceLocation',
  'DisableLostMode',
  'DisableRemoteDesktop',
  'EnableRemoteDesktop',
  'InstallApplication',
  'InstallEnterpriseApplication',
  'InstallMedia',
  'InstallProfile',
  'InstallProvisioningProfile',
  'InstalledApplicationList',
  'InviteToProgram',
  'LOMSetupRequest',
  'ManagedApplicationAttributes',
  'ManagedApplicationConfiguration',
  'ManagedApplicationFeedback',
  'ManagedApplicationList',
  'ManagedMediaList',
  'NSExtensionMappings',
  'OSUpdateStatus',
  'PlayLostModeSound',
  'ProfileList',
  'ProvisioningProfileList',
  'RefreshCellularPlans',
  'RemoveMedia',
  'RemoveProvisioningProfile',
  'RequestMirroring',
  'RequestUnlockToken',
  'Restrictions',
  'ScheduleOSUpdate',
  'ScheduleOSUpdateScan',
  'SecurityInfo',
  'Settings',
  'StopMirroring',
  'UnlockUserAccount',
  'UserConfigured',
  'UserList',
  'ValidateApplications',
  'VerifyFirmwarePassword',
  'VerifyRecoveryLock',
]);

/**
 * Whether a command wipes, locks, un-enrols or shuts somebody out. One that nobody has judged, such
 * as a raw command of unknown type, counts as destructive.
 */
export function isDestructive(requestType: string): boolean {
  return !harmless.has(requestType);
}
