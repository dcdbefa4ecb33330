import { UserError } from '../../model/errors.ts';
import type { TenantId } from '../../model/viewer.ts';
import { findInvitation } from '../../store/enroll/invitations.ts';
import { hashChallenge } from './challenge-text.ts';
import type { EnrollContext } from './enroll-context.ts';
import {
  demandIssuing,
  demandPublicUrl,
  makeEnrollmentProfile,
  type MadeProfile,
  valuesFor,
} from './enrollment-profile.ts';
import { onlyTopic } from './topic.ts';

/** What has become of the invitation that an address names. */
export type InvitationState =
  | { readonly state: 'unknown' }
  /** It expired, was revoked, or is used up. */
  | { readonly state: 'ended'; readonly why: string }
  /** The operator has to do something first; `why` is for him. */
  | { readonly state: 'not-ready'; readonly why: string }
  | {
      readonly state: 'open';
      readonly challenge: string;
      readonly tenantId: TenantId;
      readonly topic: string;
      /** The address of its page. */
      readonly url: string;
    };

/** Looks at the invitation that somebody came with. Nothing is used up by that. */
export async function openInvitation(
  ctx: EnrollContext,
  challenge: string,
): Promise<InvitationState> {
  if (!/^[a-z2-7]{32}$/.test(challenge)) return { state: 'unknown' };
  const invitation = await findInvitation(ctx.graph, hashChallenge(challenge));
  if (invitation === null) return { state: 'unknown' };
  const { tenantId, expiresAt } = invitation;
  if (invitation.revoked) return { state: 'ended', why: 'It was withdrawn.' };
  if (invitation.usedUp) return { state: 'ended', why: 'It has been used.' };
  if (expiresAt < ctx.clock.now()) {
    return { state: 'ended', why: `It was good until ${expiresAt.toUTCString()}.` };
  }
  if (ctx.enroll.scepUrl !== null) {
    return {
      state: 'not-ready',
      why: 'Its profiles name another SCEP server (--scep-url), which knows nothing of invitations.',
    };
  }
  try {
    const url = `${demandPublicUrl(ctx)}/enroll/${challenge}`;
    const topic = invitation.topic ?? (await onlyTopic(ctx, tenantId));
    valuesFor(ctx, topic);
    demandIssuing(ctx);
    return { state: 'open', challenge, tenantId, topic, url };
  } catch (error) {
    if (error instanceof UserError) return { state: 'not-ready', why: error.message };
    throw error;
  }
}

/** The profile of an invitation that is open. */
export function invitationProfile(
  ctx: EnrollContext,
  { challenge, tenantId, topic }: InvitationState & { readonly state: 'open' },
): Promise<MadeProfile> {
  return makeEnrollmentProfile(ctx, { tenant: tenantId, topic, challenge });
}
