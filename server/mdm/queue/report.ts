import { type EnrollmentId, isUserChannel } from '../../model/enrollment.ts';
import { release } from '../../model/release.ts';
import type { Report } from '../../protocol/messages/report.ts';
import { ensureUserChannel, notItsChannel } from '../../store/check-ins/channels.ts';
import type { StoredCommand } from '../../store/hot/next-command.ts';
import type { ReportInput } from '../../store/hot/report.ts';
import { markSent } from '../../store/queue/sent.ts';
import { withTransaction } from '../../store/transaction.ts';
import { proveDevice } from '../binding.ts';
import type { Arrival } from '../check-in/message.ts';
import type { MdmContext } from '../context.ts';
import { commandBytes, resultPlace } from './deliver.ts';

/**
 * Takes a device's report (or its poll) and returns the bytes of what to do next.
 *
 * The usual way is one statement. Only a device that is not known, is disabled, or signs with another
 * certificate than its current one goes through a transaction first.
 * @returns the next command exactly as it was enqueued, or null when there is nothing to do now
 * @throws {Refusal} 409 when the device is unknown, or certificate or channel is not its own
 */
export function takeReport(
  ctx: MdmContext,
  message: Report,
  arrival: Arrival,
): Promise<Buffer | null> {
  const { commandUuid, status } = message;
  return commandUuid === null || status === 'Idle'
    ? poll(ctx, message.enrollment, arrival, status === 'Idle')
    : take(ctx, message, commandUuid, arrival);
}

async function take(
  ctx: MdmContext,
  message: Report,
  commandUuid: string,
  arrival: Arrival,
): Promise<Buffer | null> {
  const { enrollment } = message;
  const place = resultPlace(enrollment.id, commandUuid);
  const input: ReportInput = {
    enrollmentId: enrollment.id,
    certificate: arrival.certificate.sha256,
    commandUuid,
    status: message.status,
    size: arrival.body.length,
    seal: () => ctx.keyring.sealInPieces(place, arrival.body),
    at: arrival.at,
    traceId: arrival.traceId,
    firstSentAt: ctx.firstSent.noted(enrollment.id, commandUuid),
  };
  const isNotNow = message.status === 'NotNow';
  const keep = isNotNow ? ctx.hotPath.notNow : ctx.hotPath.report;
  let answer = await keep(input);
  if (answer === null || !answer.enabled) {
    const enabled = await prove(ctx, enrollment, arrival, answer === null);
    if (answer === null) answer = await keep(input);
    else if (enabled) return await poll(ctx, enrollment, arrival, false);
  }
  if (answer === null) throw new Error(`no row for ${enrollment.id} after it was proved`);
  if (answer.changed) {
    ctx.committed();
    if (!isNotNow) ctx.firstSent.written(enrollment.id, commandUuid);
  }
  // From here on nobody reads the report itself but inventory.
  if (answer.changed && message.status === 'Acknowledged') {
    ctx.handOver.give(answer.enrollmentKey, commandUuid, arrival.body);
  } else {
    release(arrival.body);
  }
  ctx.lastSeen.heard(answer.enrollmentKey, arrival.at);
  return answer.next === null
    ? null
    : await handOver(ctx, enrollment.id, answer.enrollmentKey, answer.next, arrival);
}

async function poll(
  ctx: MdmContext,
  enrollment: EnrollmentId,
  arrival: Arrival,
  isIdle: boolean,
): Promise<Buffer | null> {
  const asked = { enrollmentId: enrollment.id, certificate: arrival.certificate.sha256 };
  let answer = await ctx.hotPath.idle(asked);
  if (answer === null || !answer.certificateCurrent || !answer.enabled) {
    await prove(ctx, enrollment, arrival, false);
    answer = await ctx.hotPath.idle(asked);
  }
  // A user channel may poll before its first TokenUpdate: its device is proved, it has no queue yet.
  if (answer === null) return null;
  if (!answer.certificateCurrent) throw notItsChannel(enrollment.id);
  if (isIdle) ctx.polls.heard(answer.enrollmentKey, arrival.at);
  ctx.lastSeen.heard(answer.enrollmentKey, arrival.at);
  return answer.next === null
    ? null
    : await handOver(ctx, enrollment.id, answer.enrollmentKey, answer.next, arrival);
}

async function handOver(
  ctx: MdmContext,
  enrollmentId: string,
  enrollmentKey: string,
  next: StoredCommand,
  { at }: Arrival,
): Promise<Buffer> {
  // The device may come back with its new certificate within the second, and this is the proof of it.
  if (next.renewal) await markSent(ctx.hot, enrollmentKey, next.uuid, at);
  else ctx.firstSent.handed(enrollmentId, next.uuid, at);
  return commandBytes(ctx.keyring, next);
}

/**
 * @param makeChannel make a user channel's row if it has none, so that its report can be kept
 * @returns whether the device is enabled now
 */
async function prove(
  ctx: MdmContext,
  enrollment: EnrollmentId,
  arrival: Arrival,
  makeChannel: boolean,
): Promise<boolean> {
  const enabled = await withTransaction(ctx.hot, async (client) => {
    const device = await proveDevice(client, enrollment.deviceId, arrival, ctx);
    if (makeChannel && isUserChannel(enrollment.kind)) {
      const names = { userId: null, shortName: null, longName: null };
      await ensureUserChannel(client, enrollment, device, names, arrival.at);
    }
    return device.enabled;
  });
  ctx.committed();
  return enabled;
}
