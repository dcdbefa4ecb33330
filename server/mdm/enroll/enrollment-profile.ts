import { ConflictError } from '../../model/errors.ts';
import type { TenantId } from '../../model/viewer.ts';
import { generationName, type IssuingGeneration, issuingGeneration } from '../../pki/authority.ts';
import { buildEnrollmentProfile, type ScepSettings } from '../../pki/profile.ts';
import { type FixedValues, fixedValues } from '../../pki/profile-values.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { signProfile } from '../../pki/sign-profile.ts';
import { keepProfileValues } from '../../store/enroll/profile-values.ts';
import { canonicalJson } from '../idempotency.ts';
import { challengeWithValues } from './challenge-text.ts';
import { demandAuthority, type EnrollContext } from './enroll-context.ts';
import { onlyTopic } from './topic.ts';

/** A profile to hand to a device. */
export interface MadeProfile {
  /** As devices take it: signed if there is a signer. */
  readonly mobileconfig: Buffer;
  /** The XML. */
  readonly text: string;
  readonly signed: boolean;
  readonly fixed: FixedValues;
}

/**
 * Makes the profile that enrols devices of a tenant.
 * @param wanted.topic      null: the one that the tenant has a push certificate for
 * @param wanted.challenge  a secret
 * @throws {ConflictError} the settings lack something that every profile needs
 * @throws {ValidationError} devices would refuse a profile with these settings
 */
export async function makeEnrollmentProfile(
  ctx: EnrollContext,
  wanted: {
    readonly tenant: TenantId;
    readonly topic: string | null;
    readonly challenge: string;
  },
): Promise<MadeProfile> {
  const topic = wanted.topic ?? (await onlyTopic(ctx, wanted.tenant));
  return profileWith(ctx, valuesFor(ctx, topic), wanted.challenge);
}

/**
 * Makes a profile with values that are given, whatever the settings are by now: what renews an
 * enrolment says exactly what the first one did.
 * @param challenge  a secret
 */
export async function profileWith(
  ctx: EnrollContext,
  fixed: FixedValues,
  challenge: string,
): Promise<MadeProfile> {
  const { organization, trustedRoots, signer } = ctx.enroll;
  const sha256 = sha256Of(Buffer.from(canonicalJson(fixed)));
  const scep = scepFor(ctx, challengeWithValues(challenge, sha256), challenge);
  await keepProfileValues(ctx.graph, sha256, fixed);
  const xml = buildEnrollmentProfile({ fixed, scep, trustedRoots, organization });
  return {
    mobileconfig: signer === null ? xml : signProfile(xml, signer),
    text: xml.toString('utf8'),
    signed: signer !== null,
    fixed,
  };
}

/**
 * What new enrolments are made with, as the settings are now.
 * @throws {ConflictError} the settings lack something
 * @throws {ValidationError} devices would refuse a profile with them
 */
export function valuesFor(ctx: EnrollContext, topic: string): FixedValues {
  const { separateCheckIn, accessRights, getToken } = ctx.enroll;
  const publicUrl = demandPublicUrl(ctx);
  return fixedValues({
    publicUrl: new URL(publicUrl),
    topic,
    serverUrl: new URL(`${publicUrl}/mdm`),
    ...(separateCheckIn && { checkInUrl: new URL(`${publicUrl}/checkin`) }),
    accessRights,
    getToken,
  });
}

/** @param bare  the challenge without a reference: other servers know nothing of those */
function scepFor(ctx: EnrollContext, challenge: string, bare: string): ScepSettings {
  const { scepUrl } = ctx.enroll;
  if (scepUrl !== null) return { url: scepUrl, challenge: bare };
  const issuing = demandIssuing(ctx);
  return {
    url: new URL(`${demandPublicUrl(ctx)}/scep`),
    name: generationName(issuing),
    challenge,
    authority: issuing.certificate.der,
  };
}

/** The generation that issues now. @throws {ConflictError} there is none */
export function demandIssuing(ctx: EnrollContext): IssuingGeneration {
  const issuing = issuingGeneration(demandAuthority(ctx).authority(), ctx.clock.now());
  if (issuing !== null) return issuing;
  throw new ConflictError(
    'NOTHING_ISSUES',
    'The device authority has no certificate that is valid now and whose key is here: renew it with ' +
      '`renewDeviceAuthority`.',
  );
}

/** @throws {ConflictError} */
export function demandPublicUrl({ enroll }: EnrollContext): string {
  if (enroll.publicUrl !== null) return enroll.publicUrl;
  throw new ConflictError(
    'NO_PUBLIC_URL',
    'Profiles name the address of this server, which it cannot know by itself: start it with ' +
      '--public-url, such as --public-url https://mdm.example.com.',
  );
}
