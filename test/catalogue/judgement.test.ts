import { describe, expect, it } from 'vitest';
import { requestTypes } from '../../server/catalogue/commands.ts';
import { destructiveReasons, isDestructive } from '../../server/catalogue/destructive.ts';
import { bodyHasSecrets, resultHasSecrets } from '../../server/catalogue/secret-bearing.ts';

/** D: destructive, b: secrets in the body, r: secrets in the result. */
const table = `
  AccountConfiguration              b
  ActivationLockBypassCode          r
  ActiveNSExtensions                -
  ApplyRedemptionCode               b
  AvailableOSUpdates                -
  CertificateList                   -
  ClearActivationLockBypassCode     D
  ClearPasscode                     D b
  ClearRestrictionsPassword         D
  ContentCachingInformation         -
  DeclarativeManagement             -
  DeleteUser                        D
  DeviceConfigured                  -
  DeviceInformation                 -
  DeviceLocation                    -
  DeviceLock                        D b
  DisableLostMode                   -
  DisableRemoteDesktop              -
  EnableLostMode                    D
  EnableRemoteDesktop               -
  EraseDevice                       D b
  InstallApplication                b
  InstallEnterpriseApplication      b
  InstallMedia                      -
  InstallProfile                    b
  InstallProvisioningProfile        -
  InstalledApplicationList          -
  InviteToProgram                   b
  LOMDeviceRequest                  D
  LOMSetupRequest                   -
  LogOutUser                        D
  ManagedApplicationAttributes      -
  ManagedApplicationConfiguration   r
  ManagedApplicationFeedback        r
  ManagedApplicationList            r
  ManagedMediaList                  -
  NSExtensionMappings               -
  OSUpdateStatus                    -
  PlayLostModeSound                 -
  ProfileList                       -
  ProvisioningProfileList           -
  RefreshCellularPlans              -
  RemoveApplication                 D
  RemoveMedia                       -
  RemoveProfile                     D
  RemoveProvisioningProfile         -
  RequestMirroring                  b
  RequestUnlockToken                r
  RestartDevice                     D
  Restrictions                      -
  RotateFileVaultKey                D b r
  ScheduleOSUpdate                  -
  ScheduleOSUpdateScan              -
  SecurityInfo                      r
  SetAutoAdminPassword              D b
  SetFirmwarePassword               D b
  SetRecoveryLock                   D b
  Settings                          b
  ShutDownDevice                    D
  StopMirroring                     -
  UnlockUserAccount                 -
  UserConfigured                    -
  UserList                          -
  ValidateApplications              -
  VerifyFirmwarePassword            b
  VerifyRecoveryLock                b
`;

function judged(type: string): string {
  const marks = [
    isDestructive(type) ? 'D' : '',
    bodyHasSecrets(type) ? 'b' : '',
    resultHasSecrets(type) ? 'r' : '',
  ];
  return `${type} ${marks.filter((mark) => mark !== '').join(' ') || '-'}`;
}

describe('the judgement of commands', () => {
  it('covers every command of the catalogue, and each as the table says', () => {
    const expected = table
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' '));
    expect(requestTypes.map(judged)).toEqual(expected);
  });

  it('gives a reason for each destructive command, and for no other', () => {
    const destructive = requestTypes.filter(isDestructive);
    expect(Object.keys(destructiveReasons).toSorted()).toEqual(destructive.toSorted());
  });

  it('takes an unknown command for destructive and for full of secrets', () => {
    for (const type of ['Frobnicate', '', 'devicelock', 'constructor', '__proto__']) {
      expect(judged(type)).toBe(`${type} D b r`);
    }
  });
});
