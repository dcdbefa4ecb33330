import { isUserChannel } from '../../model/enrollment.ts';
import type { TokenUpdate } from '../../protocol/messages/check-in.ts';
import { ensureUserChannel, isEnabled } from '../../store/check-ins/channels.ts';
import { type TokenUpdateRow, updateToken } from '../../store/check-ins/update-token.ts';
import { endQueues } from '../../store/queue/end-entries.ts';
import { withTransaction } from '../../store/transaction.ts';
import { proveDevice } from '../binding.ts';
import type { MdmContext } from '../context.ts';
import { namesOf } from './keep.ts';
import type { Arrival } from './message.ts';
import { enrollmentPlace, sealCheckIn } from './store-raw.ts';

/**
 * New push data for a channel; enables it. A user channel may come before its device's own
 * TokenUpdate, and is made by its first one. Its unlock token, if it sends one, is not stored: only
 * devices have one.
 * @throws {Refusal} 409 when the device never authenticated or the certificate is not its own
 */
export async function tokenUpdate(
  ctx: MdmContext,
  message: TokenUpdate,
  arrival: Arrival,
): Promise<void> {
  const { enrollment } = message;
  const user = isUserChannel(enrollment.kind);
  if (user && message.unlockToken !== undefined) {
    const fields = { traceId: arrival.traceId, enrollment: enrollment.id };
    ctx.log.warn(fields, 'unlock token of a user channel is not stored');
  }
  const row: TokenUpdateRow = {
    id: enrollment.id,
    certificate: arrival.certificate.sha256,
    topic: message.topic,
    pushToken: message.token,
    pushMagic: ctx.keyring.seal(
      enrollmentPlace('push_magic', enrollment.id),
      Buffer.from(message.pushMagic),
    ),
    unlockToken:
      user || message.unlockToken === undefined
        ? null
        : ctx.keyring.seal(enrollmentPlace('unlock_token', enrollment.id), message.unlockToken),
    awaitingConfiguration: message.awaitingConfiguration ?? null,
    userShortName: message.userShortName ?? null,
    userLongName: message.userLongName ?? null,
    message: sealCheckIn(ctx.keyring, arrival),
  };
  const key =
    (await ctx.hotPath.updateToken(row)) ??
    (await withTransaction(ctx.hot, async (client) => {
      const inSetupAssistant = message.awaitingConfiguration === true && !user;
      const device = await proveDevice(client, enrollment.deviceId, arrival, ctx, inSetupAssistant);
      const channel = user
        ? await ensureUserChannel(client, enrollment, device, namesOf(message), arrival.at)
        : device.key;
      // An enqueue that was under way while the channel was disabled may have left a command behind: it
      // was meant for the enrolment before this one.
      if (!(await isEnabled(client, channel))) {
        await endQueues(client, [channel], 'RE_ENROLLED', arrival.at, arrival.traceId);
      }
      const updated = await updateToken(client, row, true);
      if (updated === null) throw new Error(`TokenUpdate found no channel ${enrollment.id}`);
      return updated;
    }));
  ctx.committed();
  ctx.lastSeen.heard(key, arrival.at);
}
