import { z } from 'zod';
import { CertificateError } from '../../apns/certificate-problem.ts';
import type { Route } from '../../apns/connect.ts';
import { type EscrowUnlock, unlockWithEscrowKey } from '../../apns/escrow.ts';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { tenantOfCertificate } from '../../store/push-certificates/certificates.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { onceOutside } from '../idempotency-outside.ts';
import { loadPushIdentity } from '../push-certificates/identity.ts';

/** What unlocking needs beside the rest. */
export interface EscrowContext {
  /** Apple's service, or what stands in for it. */
  readonly escrow: Route;
}

export interface EscrowKeyUnlockInput {
  /** Topic of the push certificate that says who asks. */
  readonly topic: string;
  readonly unlock: EscrowUnlock;
  readonly idempotencyKey: string | null;
}

/** Apple's answer. */
export interface EscrowKeyUnlockAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({
  status: z.number(),
  contentType: z.string().nullable(),
  body: z.string(),
  cursor: z.string(),
});

/**
 * Asks Apple to lift a device's Activation Lock by the key that was kept in escrow for it. That it is
 * asked is on record before it is, and what Apple said after; the key never is.
 * @throws {ValidationError} a required member is empty
 * @throws {NotFoundError} the topic has no certificate for this viewer
 * @throws {ConflictError} Apple cannot be reached, or not with this certificate; the idempotency key
 * @throws {ForbiddenError} the token may not write commands
 */
export async function escrowKeyUnlock(
  ctx: MdmContext & EscrowContext,
  viewer: Viewer,
  input: EscrowKeyUnlockInput,
): Promise<EscrowKeyUnlockAnswer> {
  demandScope(viewer, 'commands:write');
  demandMembers(input);
  const { topic, unlock } = input;
  const cursor = await ctx.currentCursor();
  const { escrowKey, ...device } = unlock;
  const done = await onceOutside(
    ctx.graph,
    {
      viewer,
      mutation: 'escrowKeyUnlock',
      key: input.idempotencyKey,
      input: {
        topic,
        device,
        escrowKey: ctx.keyring.fingerprint(Buffer.from(escrowKey)).toString('hex'),
      },
    },
    async () => ({ ...(await ask(ctx, viewer, topic, unlock)), cursor }),
    (answer) => stored.parse(answer),
  );
  return { ...done.answer, replayed: done.replayed };
}

async function ask(
  ctx: MdmContext & EscrowContext,
  viewer: Viewer,
  topic: string,
  unlock: EscrowUnlock,
): Promise<Pick<EscrowKeyUnlockAnswer, 'status' | 'contentType' | 'body'>> {
  const tenant = await tenantOfCertificate(ctx.graph, topic);
  const isTheirs = tenant !== null && (viewer.tenant === null || viewer.tenant === tenant);
  const identity = isTheirs ? await loadPushIdentity(ctx, topic) : null;
  if (identity === null) {
    throw new NotFoundError('UNKNOWN_TOPIC', `There is no push certificate for ${topic}.`, [
      'input',
      'topic',
    ]);
  }
  const { serial, productType } = unlock;
  const note = (action: string, more: Readonly<Record<string, unknown>>) =>
    appendAudit(ctx.graph, viewer, action, currentTraceId() ?? null, {
      topic,
      serial,
      productType,
      ...more,
    });
  await note('escrowKeyUnlock', {});
  try {
    const answer = await unlockWithEscrowKey(ctx.escrow, identity, unlock, ctx.clock);
    await note('escrowKeyUnlockAnswered', { status: answer.status });
    return {
      status: answer.status,
      contentType: answer.headers['content-type'] ?? null,
      body: answer.body.toString('utf8'),
    };
  } catch (error) {
    if (error instanceof CertificateError) {
      throw new ConflictError('CERTIFICATE_UNUSABLE', error.message, ['input', 'topic']);
    }
    if (!(error instanceof Error)) throw error;
    ctx.log.warn({ err: error, topic }, 'the service for escrow keys gave no answer');
    throw new ConflictError(
      'APPLE_UNREACHABLE',
      `Apple's service gave no answer (${error.message}); ask again.`,
    );
  }
}

function demandMembers({ topic, unlock }: EscrowKeyUnlockInput): void {
  const members = {
    topic,
    serialNumber: unlock.serial,
    productType: unlock.productType,
    organizationName: unlock.orgName,
    guid: unlock.guid,
    escrowKey: unlock.escrowKey,
  };
  for (const [name, value] of Object.entries(members)) {
    if (value !== '') continue;
    throw new ValidationError('EMPTY', `${name} must not be empty.`, ['input', name]);
  }
}
