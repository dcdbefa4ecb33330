import { timingSafeEqual } from 'node:crypto';
import { ForbiddenError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { findInvitation } from '../../store/enroll/invitations.ts';
import { withTransaction } from '../../store/transaction.ts';
import { hashChallenge } from './challenge-text.ts';
import type { EnrollContext } from './enroll-context.ts';
import { makeEnrollmentProfile, type MadeProfile } from './enrollment-profile.ts';
import { checkTopic } from './topic.ts';

export interface AskProfileInput {
  /** An invitation's; null: the challenge of the settings. A secret. */
  readonly challenge: string | null;
  /** Null: the invitation's, else the one that there is a push certificate for. */
  readonly topic: string | null;
}

export type AskedProfile = MadeProfile;

/**
 * Makes a profile for somebody who hands it out himself.
 * @throws {ValidationError} the challenge is of no invitation, the topic is none
 * @throws {ForbiddenError} the challenge of the settings is a secret that this token may not read
 * @throws {ConflictError} the settings lack something that every profile needs
 */
export async function askEnrollmentProfile(
  ctx: EnrollContext,
  viewer: Viewer,
  input: AskProfileInput,
): Promise<AskedProfile> {
  const tenant = viewer.tenant ?? defaultTenant;
  if (input.topic !== null) await checkTopic(ctx, tenant, input.topic, ['input', 'topic']);
  const { scepChallenge } = ctx.enroll;
  if (input.challenge === null) {
    const challenge = demandStatic(viewer, scepChallenge);
    await withTransaction(ctx.graph, (client) =>
      appendAudit(client, viewer, 'readScepChallenge', currentTraceId() ?? null, {}),
    );
    return makeEnrollmentProfile(ctx, { tenant, topic: input.topic, challenge });
  }
  if (ctx.enroll.scepUrl !== null) {
    throw new ValidationError(
      'OTHER_SCEP_SERVER',
      'Profiles name another SCEP server (--scep-url), which knows nothing of invitations: leave out ' +
        '`challenge` to have the one of --scep-challenge.',
      ['input', 'challenge'],
    );
  }
  const { challenge } = input;
  const hash = hashChallenge(challenge);
  const invitation = await findInvitation(ctx.graph, hash);
  const visible = viewer.tenant === null || viewer.tenant === invitation?.tenantId;
  const isStatic = scepChallenge !== null && timingSafeEqual(hash, hashChallenge(scepChallenge));
  if ((invitation === null || !visible) && !isStatic) {
    throw new ValidationError(
      'UNKNOWN_CHALLENGE',
      'This is the challenge of no invitation: `createEnrollmentInvitation` makes one.',
      ['input', 'challenge'],
    );
  }
  return makeEnrollmentProfile(ctx, {
    tenant: invitation?.tenantId ?? tenant,
    topic: input.topic ?? invitation?.topic ?? null,
    challenge,
  });
}

function demandStatic(viewer: Viewer, challenge: string | null): string {
  if (challenge === null) {
    throw new ValidationError(
      'CHALLENGE_REQUIRED',
      'Give the `challenge` of an invitation: there is no --scep-challenge.',
      ['input', 'challenge'],
    );
  }
  if (viewer.scopes.has('secrets:read')) return challenge;
  throw new ForbiddenError(
    'MISSING_SCOPE',
    'A profile with the challenge of --scep-challenge needs a token with the scope secrets:read.',
  );
}
