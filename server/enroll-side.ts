import { readFileSync } from 'node:fs';
import type { Settings } from './config.ts';
import { isAway } from './device-side.ts';
import type { Handler } from './http/app.ts';
import { clientAddress } from './http/client-address.ts';
import { enrollPages, enrollPrefix } from './http/enroll.ts';
import { scepPath, scepRoute } from './http/scep.ts';
import { type AuthorityWatch, watchAuthority } from './mdm/enroll/authority-watch.ts';
import { createChallengeCheck } from './mdm/enroll/check-challenge.ts';
import type { EnrollContext, EnrollSettings } from './mdm/enroll/enroll-context.ts';
import type { WantedAuthority } from './mdm/enroll/ensure-authority.ts';
import { createFindIssued, createIssuanceRecord } from './mdm/enroll/issuance-record.ts';
import { invitationProfile, openInvitation } from './mdm/enroll/open-invitation.ts';
import { countWrongChallenges } from './mdm/enroll/wrong-challenges.ts';
import type { MdmContext } from './mdm/context.ts';
import type { RenewalSettings } from './mdm/renewal/settings.ts';
import { StartupError, ValidationError } from './model/errors.ts';
import type { Metrics } from './model/metrics.ts';
import { chainAbove, readPemPair } from './pki/key-pair.ts';
import { createScepResponder } from './pki/scep-responder.ts';
import type { ProfileSigner } from './pki/sign-profile.ts';

/** What devices get their certificates and profiles from. */
export interface EnrollSide {
  readonly ctx: EnrollContext;
  readonly routes: ReadonlyMap<string, Handler>;
  /** Takes every path below it, or null. */
  readonly pages: { readonly prefix: string; readonly handle: Handler } | null;
  stop(): Promise<void>;
}

/** What the settings say of the device authority. Reads its file. @throws {StartupError} */
export function wantedAuthority(settings: Settings): WantedAuthority {
  const { deviceCaFile: path, deviceCaPassword: password } = settings;
  return {
    wanted: hasAuthority(settings),
    keyKind: settings.deviceCaKeyKind,
    organization: settings.organization,
    file: path === null ? null : { path, bytes: fileOf('--device-ca-file', path) },
    password,
  };
}

function hasAuthority({ ca, deviceCa, deviceCaFile }: Settings): boolean {
  return ca.length === 0 || deviceCa || deviceCaFile !== null;
}

/**
 * Reads what enrolment is set to. @throws {StartupError} a file is missing, or things don't fit together
 */
export function enrollSettings(settings: Settings): EnrollSettings {
  return {
    publicUrl: settings.publicUrl,
    separateCheckIn: settings.checkin,
    getToken: settings.getTokenUrl.length > 0,
    organization: settings.organization,
    accessRights: settings.accessRights,
    scepChallenge: settings.scepChallenge,
    scepUrl: settings.scepUrl,
    trustedRoots: settings.profileTrust.flatMap(({ certificates }) =>
      certificates.map(({ raw }) => raw),
    ),
    signer: signerOf(settings),
    refuseSingleDes: !settings.scepAllowDes,
    refuseSha1: settings.refuseSha1,
    certificateDays: settings.deviceCertValidity,
    authorityKeyKind: settings.deviceCaKeyKind,
  };
}

const day = 86_400_000;

/** When devices' certificates are renewed. */
export function renewalSettings(settings: Settings): RenewalSettings {
  const { renewBefore, renewRetry, renewPerHour } = settings;
  return {
    before: renewBefore === null ? null : renewBefore * day,
    retry: renewRetry * day,
    perHour: renewPerHour,
  };
}

function signerOf({ profileSigningCert, profileSigningKey }: Settings): ProfileSigner | null {
  if (profileSigningCert === null && profileSigningKey === null) return null;
  if (profileSigningCert === null || profileSigningKey === null) {
    throw new StartupError(
      'Signed profiles need both --profile-signing-cert and --profile-signing-key.',
    );
  }
  const certificate = fileOf('--profile-signing-cert', profileSigningCert).toString('utf8');
  const key = fileOf('--profile-signing-key', profileSigningKey).toString('utf8');
  try {
    // Both may stand in both files, as tools write them.
    const keyOnly = profileSigningCert === profileSigningKey ? '' : key;
    const pair = readPemPair(`${certificate}\n${keyOnly}`, null, []);
    return { ...pair, chain: chainAbove(pair.certificate, pair.others) };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new StartupError(
      `--profile-signing-cert ${profileSigningCert}, --profile-signing-key ${profileSigningKey}: ` +
        error.message,
    );
  }
}

function fileOf(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`${flag} cannot be read: ${why}`);
  }
}

/** Puts together what enrols devices. The database has its authority by now. */
export async function enrollSide(
  mdm: MdmContext,
  settings: Settings,
  enroll: EnrollSettings,
  metrics: Metrics,
): Promise<EnrollSide> {
  const { clock, log } = mdm;
  const authority = hasAuthority(settings)
    ? await watchAuthority(mdm.graph, mdm.keyring, { clock, log })
    : null;
  const ctx: EnrollContext = { ...mdm, authority, enroll };
  const stop = async () => authority?.stop();
  if (settings.disableMdm || authority === null) {
    return { ctx, routes: new Map(), pages: null, stop };
  }
  return {
    ctx,
    routes: new Map([[scepPath, scepHandler(ctx, authority, settings, metrics)]]),
    pages: {
      prefix: enrollPrefix,
      handle: enrollPages({
        organization: enroll.organization,
        invitation: (challenge) => openInvitation(ctx, challenge),
        profile: (open) => invitationProfile(ctx, open),
        isUnavailable: isAway,
        log,
        metrics,
      }),
    },
    stop,
  };
}

function scepHandler(
  ctx: EnrollContext,
  authority: AuthorityWatch,
  settings: Settings,
  metrics: Metrics,
): Handler {
  const { clock, log, enroll } = ctx;
  const respond = createScepResponder({
    authority: () => authority.authority(),
    checkChallenge: createChallengeCheck(ctx, countWrongChallenges(clock)),
    findIssued: createFindIssued(ctx),
    record: createIssuanceRecord(ctx),
    policy: {
      refuseSingleDes: enroll.refuseSingleDes,
      refuseSha1: enroll.refuseSha1,
      validDays: enroll.certificateDays,
    },
    log,
    clock,
  });
  const addressOf = clientAddress(settings.trustedProxies);
  return scepRoute({ respond, addressOf, isUnavailable: isAway, log, metrics });
}
