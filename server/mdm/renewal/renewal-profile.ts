import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError } from '../../model/errors.ts';
import { profileIdentifier } from '../../pki/profile.ts';
import type { FixedValues } from '../../pki/profile-values.ts';
import { signProfile } from '../../pki/sign-profile.ts';
import { insertInvitation } from '../../store/enroll/invitations.ts';
import { type KeptProfileValues, profileValuesOf } from '../../store/enroll/profile-values.ts';
import { readSuppliedProfile, withChallenge } from './supplied-profile.ts';
import type { MdmContext } from '../context.ts';
import { challengeWithValues, hashChallenge, newChallenge } from '../enroll/challenge-text.ts';
import type { EnrollContext } from '../enroll/enroll-context.ts';
import { profileWith } from '../enroll/enrollment-profile.ts';

/** Fixed values as they are kept. */
const kept = z.object({
  publicUrl: z.string(),
  topic: z.string(),
  serverUrl: z.string(),
  checkInUrl: z.string().nullable(),
  accessRights: z.number(),
  serverCapabilities: z.array(z.string()),
  accountDriven: z
    .object({ enrollmentMode: z.enum(['BYOD', 'ADDE']), assignedManagedAppleId: z.string() })
    .nullable(),
}) satisfies z.ZodType<FixedValues>;

/** The device that is to be renewed. */
export interface RenewedDevice {
  readonly key: string;
  readonly tenantId: number;
}

/**
 * PayloadIdentifier of the profile that a device was enrolled with: what removes it.
 * @returns null when it is unknown what the enrolment was made with
 */
export async function enrolledProfileIdentifier(
  ctx: Pick<MdmContext, 'keyring'>,
  client: PoolClient,
  deviceKey: string,
): Promise<string | null> {
  const values = await profileValuesOf(client, deviceKey);
  if (values === null) return null;
  if (values.profile === null) return profileIdentifier(kept.parse(values.content));
  const bytes = ctx.keyring.open(suppliedProfilePlace(values.sha256), values.profile);
  return readSuppliedProfile(bytes, []).identifier;
}

/** Where a supplied profile's sealed bytes are bound to. */
export function suppliedProfilePlace(sha256: Buffer) {
  return { table: 'profile_values', column: 'profile', row: sha256.toString('hex') };
}

/**
 * Makes the profile that renews one enrolment: the one that it was enrolled with, but for the challenge.
 * Where certificates are issued here that is one from which only a renewal of this enrolment is taken,
 * once.
 * @param enrollment.key  the device's
 * @returns null when it is unknown what the enrolment was made with: then it must not be renewed
 * @throws {ConflictError} nothing issues certificates here, or elsewhere without a challenge
 */
export async function makeRenewalProfile(
  ctx: EnrollContext,
  client: PoolClient,
  enrollment: RenewedDevice,
  expiresAt: Date,
): Promise<Buffer | null> {
  const values = await profileValuesOf(client, enrollment.key);
  if (values === null) return null;
  if (values.profile !== null) {
    return supplied(ctx, client, enrollment, expiresAt, { ...values, profile: values.profile });
  }
  const challenge =
    ctx.enroll.scepUrl === null
      ? await invite(ctx, client, enrollment, expiresAt)
      : demandOtherChallenge(ctx);
  const { mobileconfig } = await profileWith(ctx, kept.parse(values.content), challenge);
  return mobileconfig;
}

/** The profile as it was supplied; with a challenge of ours where it names our SCEP server. */
async function supplied(
  ctx: EnrollContext,
  client: PoolClient,
  enrollment: RenewedDevice,
  expiresAt: Date,
  { sha256, profile }: KeptProfileValues & { readonly profile: Buffer },
): Promise<Buffer> {
  const bytes = ctx.keyring.open(suppliedProfilePlace(sha256), profile);
  const { publicUrl, signer } = ctx.enroll;
  const { scepUrl } = readSuppliedProfile(bytes, []);
  if (publicUrl === null || scepUrl !== `${publicUrl}/scep`) return bytes;
  const challenge = await invite(ctx, client, enrollment, expiresAt);
  const renewed = withChallenge(bytes, challengeWithValues(challenge, sha256));
  return signer === null ? renewed : signProfile(renewed, signer);
}

/** @returns a challenge that renews this enrolment and is good for nothing else; a secret */
async function invite(
  ctx: EnrollContext,
  client: PoolClient,
  { key, tenantId }: RenewedDevice,
  expiresAt: Date,
): Promise<string> {
  const challenge = newChallenge();
  await insertInvitation(client, {
    id: randomUUID(),
    tenantId,
    challengeSha256: hashChallenge(challenge),
    description: null,
    tags: [],
    topic: null,
    enrollmentKey: key,
    useLimit: 1,
    expiresAt,
    createdBy: 'system',
    createdAt: ctx.clock.now(),
  });
  return challenge;
}

/** @throws {ConflictError} */
function demandOtherChallenge({ enroll }: EnrollContext): string {
  if (enroll.scepChallenge !== null) return enroll.scepChallenge;
  throw new ConflictError(
    'NO_SCEP_CHALLENGE',
    'Profiles name the SCEP server of --scep-url, whose challenge is not known: set --scep-challenge.',
  );
}
