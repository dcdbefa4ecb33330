import { isUserChannel } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { newTraceId, currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { readCheckIn } from '../../protocol/messages/check-in.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import { appendAudit, appendSecretReads } from '../../store/audit.ts';
import { lockEnrollments, Overtaken } from '../../store/migration/enrollments.ts';
import { withTransaction } from '../../store/transaction.ts';
import { type CheckInReply, plistReply } from '../check-in/reply.ts';
import { enrollmentPlace } from '../check-in/store-raw.ts';
import type { MdmContext } from '../context.ts';
import type { Decoded } from './decode.ts';
import { gather, type LineError } from './gather.ts';
import { importEnrollments } from './import-enrollments.ts';
import { noneInFile } from './run.ts';

/**
 * Takes a check-in message that a device once sent to another server, as NanoMDM's `/migration` does:
 * nobody's signature is asked for, and no certificate is bound. What the device itself has told this
 * server stays; a message of the past is then taken without a word.
 * @returns the reply, or null for an empty 200
 * @throws {Refusal} 400: it is no check-in; 500: it cannot be imported
 */
export async function takeMigratedMessage(
  ctx: MdmContext,
  viewer: Viewer,
  body: Buffer,
  zeroLengthChallenge: boolean,
): Promise<CheckInReply | null> {
  const message = readCheckIn(body);
  const { enrollment } = message;
  const raw = body;
  const bring = (record: Decoded, unknownIsFine = false) =>
    bringIn(ctx, viewer, record, message.messageType, unknownIsFine);
  switch (message.messageType) {
    case 'Authenticate':
      if (isUserChannel(enrollment.kind)) {
        throw new Refusal(500, 'authenticate-on-user-channel', 'Authenticate names a user channel');
      }
      return bring({ kind: 'authenticate', record: { kind: 'authenticate', raw }, message });
    case 'TokenUpdate':
      return bring({ kind: 'tokenUpdate', record: { kind: 'tokenUpdate', raw }, message });
    case 'SetBootstrapToken': {
      const kind = 'setBootstrapToken';
      return bring({ kind, record: { kind, raw }, message }, true);
    }
    case 'CheckOut': {
      const record = {
        kind: 'disabled',
        enrollment: enrollment.id,
        reason: 'CHECKED_OUT',
      } as const;
      return bring({ kind: 'disabled', record });
    }
    case 'GetBootstrapToken':
      return bootstrapToken(ctx, viewer, enrollment.deviceId);
    case 'UserAuthenticate': {
      const answersChallenge = (message.digestResponse ?? '') !== '';
      if (answersChallenge) return null;
      if (zeroLengthChallenge) return plistReply(buildPlist({ DigestChallenge: '' }));
      throw new Refusal(410, 'declined', 'UserAuthenticate is declined');
    }
    case 'DeclarativeManagement':
    case 'GetToken':
      throw new Refusal(500, 'not-migrated', `${message.messageType} is nothing to migrate`);
  }
}

async function bringIn(
  ctx: MdmContext,
  viewer: Viewer,
  decoded: Decoded,
  messageType: string,
  unknownIsFine: boolean,
): Promise<null> {
  const traceId = currentTraceId() ?? newTraceId();
  const sets = gather([{ line: 1, decoded }], []);
  const run = {
    tenantId: viewer.tenant,
    actor: viewer.actor,
    jobId: null,
    at: ctx.clock.now(),
    traceId,
    commandsInFile: noneInFile,
  };
  const [problem] = await again(() =>
    withTransaction(ctx.graph, async (client): Promise<readonly LineError[]> => {
      const { errors } = await importEnrollments(ctx, client, sets, new Map(), run);
      if (errors.length === 0) {
        const [enrollmentId] = sets.keys();
        await appendAudit(client, viewer, 'migrateMessage', traceId, { messageType, enrollmentId });
      }
      return errors;
    }),
  );
  ctx.committed();
  if (problem === undefined) return null;
  if (unknownIsFine && problem.code === 'UNKNOWN_ENROLLMENT') return null;
  throw new Refusal(500, problem.code.toLowerCase(), problem.message);
}

/** A device that is faster is met again, as what is there already. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt >= 5) throw error;
    }
  }
}

async function bootstrapToken(
  ctx: MdmContext,
  viewer: Viewer,
  deviceId: string,
): Promise<CheckInReply | null> {
  const sealed = await withTransaction(ctx.graph, async (client) => {
    const device = (await lockEnrollments(client, [deviceId])).get(deviceId);
    if (device === undefined) throw new Refusal(500, 'unknown-device', `nobody is ${deviceId}`);
    const traceId = currentTraceId() ?? newTraceId();
    if (device.bootstrapToken !== null) {
      await appendSecretReads(client, viewer, traceId, [
        { what: 'bootstrapToken', enrollmentId: deviceId },
      ]);
    }
    return device.bootstrapToken;
  });
  if (sealed === null) return null;
  const token = ctx.keyring.open(enrollmentPlace('bootstrap_token', deviceId), sealed);
  return plistReply(buildPlist({ BootstrapToken: token }));
}
