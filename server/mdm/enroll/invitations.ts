import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertInvitation, revokeInvitation } from '../../store/enroll/invitations.ts';
import { appendEvent } from '../../store/events/append.ts';
import { withTransaction } from '../../store/transaction.ts';
import { checkTags } from '../enrollments/check-tags.ts';
import { once } from '../idempotency.ts';
import { hashChallenge, newChallenge } from './challenge-text.ts';
import { demandAuthority, type EnrollContext } from './enroll-context.ts';
import { checkTopic } from './topic.ts';

const day = 86_400_000;
const limits = { description: 500, uses: 1_000_000, days: 3_660 };

export interface CreateInvitationInput {
  readonly description: string | null;
  readonly tags: readonly string[];
  /** Null: the one that there is a push certificate for when a profile is made. */
  readonly topic: string | null;
  /** Null: a week from now. */
  readonly expiresAt: Date | null;
  /** How many certificates it allows; null: no limit. */
  readonly useLimit: number | null;
  readonly idempotencyKey: string | null;
}

export interface CreateInvitationAnswer {
  readonly invitationId: string;
  /** Shown here only; a secret. */
  readonly challenge: string;
  /** Null without `--public-url`. */
  readonly enrollmentUrl: string | null;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ invitationId: z.string(), sealed: z.string(), cursor: z.string() });

/**
 * Makes an invitation: a challenge for SCEP, and the address of a page that hands out the profile with
 * it. An answer that was lost is given again for its idempotency key; the challenge is kept for that
 * time, sealed.
 * @throws {ValidationError} what is wrong with the input
 * @throws {ConflictError} there is no device authority that the challenge could be for
 */
export async function createEnrollmentInvitation(
  ctx: EnrollContext,
  viewer: Viewer,
  input: CreateInvitationInput,
): Promise<CreateInvitationAnswer> {
  demandAuthority(ctx);
  const at = ctx.clock.now();
  const expiresAt = input.expiresAt ?? new Date(at.getTime() + 7 * day);
  check(input, expiresAt, at);
  const tenantId = viewer.tenant ?? defaultTenant;
  if (input.topic !== null) await checkTopic(ctx, tenantId, input.topic, ['input', 'topic']);
  const { description, tags, topic, useLimit } = input;
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'createEnrollmentInvitation',
        key: input.idempotencyKey,
        input: { description, tags, topic, useLimit, expiresAt: input.expiresAt?.toISOString() },
      },
      async () => {
        const invitationId = randomUUID();
        const challenge = newChallenge();
        await insertInvitation(client, {
          id: invitationId,
          tenantId,
          challengeSha256: hashChallenge(challenge),
          description,
          tags: [...new Set(tags)],
          topic,
          enrollmentKey: null,
          useLimit,
          expiresAt,
          createdBy: viewer.actor,
          createdAt: at,
        });
        const traceId = currentTraceId() ?? null;
        const details = { invitationId, useLimit, expiresAt: expiresAt.toISOString() };
        await appendEvent(client, {
          type: 'EnrollmentInvitationCreated',
          tenantId,
          at,
          traceId,
          actor: viewer.actor,
          data: details,
        });
        await appendAudit(client, viewer, 'createEnrollmentInvitation', traceId, details);
        const place = answerPlace(invitationId);
        const sealed = ctx.keyring.seal(place, Buffer.from(challenge)).toString('base64');
        return { invitationId, sealed, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  const { invitationId, sealed } = done.answer;
  const challenge = ctx.keyring
    .open(answerPlace(invitationId), Buffer.from(sealed, 'base64'))
    .toString();
  const { publicUrl } = ctx.enroll;
  return {
    invitationId,
    challenge,
    enrollmentUrl: publicUrl && `${publicUrl}/enroll/${challenge}`,
    cursor: done.answer.cursor,
    replayed: done.replayed,
  };
}

function answerPlace(invitationId: string) {
  return { table: 'idempotent_request', column: 'answer', row: invitationId };
}

function check(input: CreateInvitationInput, expiresAt: Date, at: Date): void {
  const wrong = (code: string, message: string, ...path: readonly string[]) =>
    new ValidationError(code, message, ['input', ...path]);
  if (expiresAt <= at) {
    throw wrong('EXPIRED', 'The invitation would have ended already.', 'expiresAt');
  }
  if (expiresAt.getTime() - at.getTime() > limits.days * day) {
    throw wrong('TOO_LONG', 'An invitation lasts ten years at most.', 'expiresAt');
  }
  const { useLimit, tags, description } = input;
  if (useLimit !== null && (useLimit < 1 || useLimit > limits.uses)) {
    throw wrong('BAD_USE_LIMIT', `A limit is 1 to ${limits.uses} uses.`, 'useLimit');
  }
  checkTags(tags, ['input', 'tags']);
  if (description !== null && !isPlainText(description, limits.description)) {
    throw wrong(
      'BAD_DESCRIPTION',
      `A description has 1 to ${limits.description} characters, none of them a control character.`,
      'description',
    );
  }
}

function isPlainText(text: string, most: number): boolean {
  return text.length >= 1 && text.length <= most && !/[\p{Cc}\p{Cs}]/u.test(text);
}

export interface RevokeInvitationInput {
  readonly invitationId: string;
  readonly idempotencyKey: string | null;
}

export interface RevokeInvitationAnswer {
  readonly invitationId: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const storedRevocation = z.object({ invitationId: z.string(), cursor: z.string() });

/**
 * Ends an invitation before its time. Certificates that were issued on it stay as they are.
 * @param input.invitationId  a UUID
 * @throws {NotFoundError} no such invitation for this viewer
 */
export async function revokeEnrollmentInvitation(
  ctx: EnrollContext,
  viewer: Viewer,
  { invitationId, idempotencyKey: key }: RevokeInvitationInput,
): Promise<RevokeInvitationAnswer> {
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation: 'revokeEnrollmentInvitation', key, input: { invitationId } },
      async () => {
        const at = ctx.clock.now();
        const by = { actor: viewer.actor, at };
        const known = await revokeInvitation(client, invitationId, viewer.tenant, by);
        if (known === null) {
          throw new NotFoundError('UNKNOWN_INVITATION', 'There is no such invitation.', [
            'input',
            'invitationId',
          ]);
        }
        if (!known.changed) return { invitationId, cursor };
        const traceId = currentTraceId() ?? null;
        await appendEvent(client, {
          type: 'EnrollmentInvitationRevoked',
          tenantId: known.tenantId,
          at,
          traceId,
          actor: viewer.actor,
          data: { invitationId },
        });
        await appendAudit(client, viewer, 'revokeEnrollmentInvitation', traceId, { invitationId });
        return { invitationId, cursor };
      },
      (answer) => storedRevocation.parse(answer),
    ),
  );
  ctx.committed();
  return { ...done.answer, replayed: done.replayed };
}
