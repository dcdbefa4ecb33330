import { createHash, randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId, newTraceId } from '../../model/trace.ts';
import type { UnenrollAnswer } from '../../model/unenroll.ts';
import type { Viewer } from '../../model/viewer.ts';
import { buildCommand } from '../../protocol/messages/command.ts';
import { appendAudit } from '../../store/audit.ts';
import { type BoundDevice, lockDevice } from '../../store/check-ins/bindings.ts';
import { userChannelKeys } from '../../store/check-ins/channels.ts';
import { markForUnenroll } from '../../store/check-ins/unenroll.ts';
import { appendEvent } from '../../store/events/append.ts';
import { endQueues } from '../../store/queue/end-entries.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { enrolledProfileIdentifier } from '../renewal/renewal-profile.ts';
import { enqueueCommand } from '../queue/enqueue.ts';
import { ordinaryTiming } from '../queue/enqueue-types.ts';

/** How a device is made to leave. */
export type UnenrollMethod = 'REMOVE_PROFILE' | UnenrollAnswer;

export interface UnenrollInput {
  readonly enrollmentId: string;
  readonly method: UnenrollMethod;
  /**
   * PayloadIdentifier of the profile that enrolled the device, for `REMOVE_PROFILE`; null: that of the
   * profile which is on record.
   */
  readonly profileIdentifier: string | null;
  readonly idempotencyKey: string | null;
}

export interface UnenrollResult {
  readonly enrollmentId: string;
  /** The RemoveProfile that was queued; null when the next contact is answered with the error. */
  readonly commandUuid: string | null;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({
  enrollmentId: z.string(),
  commandUuid: z.string().nullable(),
  cursor: z.string(),
});

/**
 * Makes one device leave: by a RemoveProfile in its queue, or by answering its next contact with
 * Apple's un-enrol error. The latter ends its queue and disables it at once, and goes on until the
 * device has checked out or enrols anew.
 * @throws {NotFoundError} no such device for this viewer
 * @throws {ValidationError} no profile named for `REMOVE_PROFILE`, and none on record
 */
export async function unenroll(
  ctx: MdmContext,
  viewer: Viewer,
  input: UnenrollInput,
): Promise<UnenrollResult> {
  const { method } = input;
  if (method === 'REMOVE_PROFILE') return removeProfile(ctx, viewer, input);
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation: 'unenroll', key: input.idempotencyKey, input: { ...input } },
      async () => {
        await answerWithError(ctx, client, viewer, input.enrollmentId, method);
        return { enrollmentId: input.enrollmentId, commandUuid: null, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  return { ...done.answer, replayed: done.replayed };
}

async function removeProfile(
  ctx: MdmContext,
  viewer: Viewer,
  input: UnenrollInput,
): Promise<UnenrollResult> {
  const { enrollmentId, idempotencyKey } = input;
  const profileIdentifier = input.profileIdentifier || (await knownIdentifier(ctx, viewer, input));
  const commandUuid =
    idempotencyKey === null ? randomUUID() : repeatableUuid(viewer, idempotencyKey);
  const answer = await enqueueCommand(ctx, viewer, {
    targets: { ids: [enrollmentId] },
    plist: buildCommand('RemoveProfile', { Identifier: profileIdentifier }, commandUuid),
    validateOnly: false,
    expectedCount: null,
    // Keys are each mutation's own: this one is not `enqueueCommand` to who uses it.
    idempotencyKey: idempotencyKey === null ? null : `unenroll:${idempotencyKey}`,
    timing: ordinaryTiming,
    push: true,
    // Another profile's removal may wait as well.
    force: true,
    sampled: false,
  });
  const { cursor, replayed } = answer;
  return { enrollmentId, commandUuid: answer.commandUuid, cursor, replayed };
}

/** @throws {NotFoundError} no such device @throws {ValidationError} nothing is on record */
async function knownIdentifier(
  ctx: MdmContext,
  viewer: Viewer,
  { enrollmentId }: UnenrollInput,
): Promise<string> {
  const known = await withTransaction(ctx.graph, async (client) => {
    const device = await lockDevice(client, enrollmentId);
    if (device === null || !mayTouch(viewer, device)) throw unknownDevice(enrollmentId);
    return enrolledProfileIdentifier(ctx, client, device.key);
  });
  if (known !== null) return known;
  throw new ValidationError(
    'PROFILE_IDENTIFIER_REQUIRED',
    'It is not on record which profile enrolled this device. Give profileIdentifier, its ' +
      'PayloadIdentifier: a ProfileList command tells it.',
    ['input', 'profileIdentifier'],
  );
}

function unknownDevice(enrollmentId: string): NotFoundError {
  return new NotFoundError('UNKNOWN_ENROLLMENT', `No device has the id ${enrollmentId}.`, [
    'input',
    'enrollmentId',
  ]);
}

/** The same each time, or a repeat would be new input; another for another token's key. */
function repeatableUuid({ tokenId, actor }: Viewer, idempotencyKey: string): string {
  const caller = JSON.stringify([tokenId ?? actor, idempotencyKey]);
  return `unenroll-${createHash('sha256').update(caller).digest('hex').slice(0, 32)}`;
}

async function answerWithError(
  ctx: MdmContext,
  client: PoolClient,
  viewer: Viewer,
  enrollmentId: string,
  answer: UnenrollAnswer,
): Promise<void> {
  const device = await lockDevice(client, enrollmentId);
  if (device === null || !mayTouch(viewer, device)) {
    throw unknownDevice(enrollmentId);
  }
  const at = ctx.clock.now();
  const traceId = currentTraceId() ?? newTraceId();
  const channels = [device.key, ...(await userChannelKeys(client, device.key))];
  await endQueues(client, channels, 'UNENROLLED', at, traceId);
  await markForUnenroll(client, device.key, answer);
  await appendEvent(client, {
    type: 'UnenrollRequested',
    tenantId: device.tenantId,
    at,
    traceId,
    actor: viewer.actor,
    enrollmentKey: device.key,
    data: { method: answer },
  });
  await appendAudit(client, viewer, 'unenroll', traceId, { enrollmentId, method: answer });
}

function mayTouch(viewer: Viewer, device: BoundDevice): boolean {
  return viewer.tenant === null || viewer.tenant === device.tenantId;
}
