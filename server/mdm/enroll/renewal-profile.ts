import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { FixedValues } from '../../pki/profile-values.ts';
import { insertInvitation } from '../../store/enroll/invitations.ts';
import { profileValuesOf } from '../../store/enroll/profile-values.ts';
import { hashChallenge, newChallenge } from './challenge-text.ts';
import type { EnrollContext } from './enroll-context.ts';
import { type MadeProfile, profileWith } from './enrollment-profile.ts';

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

/**
 * Makes the profile that renews one enrolment: the fixed values that it was enrolled with, and a
 * challenge that only a renewal of this enrolment is taken from, once.
 * @param enrollment.key  the device's
 * @returns null when it is unknown what the enrolment was made with: then it must not be renewed
 * @throws {ConflictError} nothing issues certificates here
 */
export async function makeRenewalProfile(
  ctx: EnrollContext,
  client: PoolClient,
  enrollment: { readonly key: string; readonly tenantId: number },
  expiresAt: Date,
): Promise<MadeProfile | null> {
  const values = await profileValuesOf(client, enrollment.key);
  if (values === null) return null;
  const challenge = newChallenge();
  await insertInvitation(client, {
    id: randomUUID(),
    tenantId: enrollment.tenantId,
    challengeSha256: hashChallenge(challenge),
    description: null,
    tags: [],
    topic: null,
    enrollmentKey: enrollment.key,
    useLimit: 1,
    expiresAt,
    createdBy: 'system',
    createdAt: ctx.clock.now(),
  });
  return profileWith(ctx, kept.parse(values.content), challenge);
}
