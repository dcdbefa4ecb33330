import { buildPlist } from '../../protocol/plist/build.ts';
import type { GetBootstrapToken, SetBootstrapToken } from '../../protocol/messages/check-in.ts';
import { readBootstrapToken, writeBootstrapToken } from '../../store/check-ins/bootstrap-token.ts';
import type { MdmContext } from '../context.ts';
import { keepCheckIn } from './keep.ts';
import type { Arrival } from './message.ts';
import { type CheckInReply, plistReply } from './reply.ts';
import { enrollmentPlace } from './store-raw.ts';

/**
 * A device escrows its bootstrap token; none, or an empty one, takes it back. The token is the
 * device's, also when a user channel sends it.
 * @throws {Refusal} 409 when the device is unknown or the certificate is not its own
 */
export async function setBootstrapToken(
  ctx: MdmContext,
  message: SetBootstrapToken,
  arrival: Arrival,
): Promise<void> {
  const token = message.bootstrapToken;
  const sealed =
    token === undefined || token.length === 0
      ? null
      : ctx.keyring.seal(enrollmentPlace('bootstrap_token', message.enrollment.deviceId), token);
  await keepCheckIn(ctx, message, arrival, {
    messageType: 'SetBootstrapToken',
    eventType: 'BootstrapTokenSet',
    data: () => ({ cleared: sealed === null }),
    effect: (client, device) => writeBootstrapToken(client, device.key, sealed, arrival.at),
  });
}

/**
 * A device asks for its bootstrap token back.
 * @returns null when none is set: an empty 200, which devices live with
 * @throws {Refusal} 409 when the device is unknown or the certificate is not its own
 */
export async function getBootstrapToken(
  ctx: MdmContext,
  message: GetBootstrapToken,
  arrival: Arrival,
): Promise<CheckInReply | null> {
  const sealed = await keepCheckIn<Buffer | null>(ctx, message, arrival, {
    messageType: 'GetBootstrapToken',
    eventType: 'BootstrapTokenRequested',
    data: (found) => ({ found: found !== null }),
    effect: (client, device) => readBootstrapToken(client, device.key),
  });
  if (sealed === null) return null;
  const place = enrollmentPlace('bootstrap_token', message.enrollment.deviceId);
  return plistReply(buildPlist({ BootstrapToken: ctx.keyring.open(place, sealed) }));
}
