import { isUserChannel } from '../../model/enrollment.ts';
import type { CheckOut } from '../../protocol/messages/check-in.ts';
import {
  disableChannels,
  lockUserChannel,
  userChannelKeys,
} from '../../store/check-ins/channels.ts';
import { appendCheckIn } from '../../store/check-ins/check-in-row.ts';
import { endQueues } from '../../store/queue/end-entries.ts';
import { withTransaction } from '../../store/transaction.ts';
import { proveBinding } from '../binding.ts';
import type { MdmContext } from '../context.ts';
import type { Arrival } from './message.ts';
import { sealCheckIn } from './store-raw.ts';

/**
 * A channel leaves. Its queue is ended and nothing is delivered to it any more; a device takes its
 * user channels with it, a user channel leaves its device as it is. A repeat writes nothing.
 * @throws {Refusal} 409 when the device is unknown, or certificate or channel is not its own
 */
export async function checkOut(
  ctx: MdmContext,
  message: CheckOut,
  arrival: Arrival,
): Promise<void> {
  const { enrollment } = message;
  const { at, traceId } = arrival;
  const key = await withTransaction(ctx.hot, async (client) => {
    const device = await proveBinding(client, enrollment.deviceId, arrival, ctx);
    let left = [device.key];
    if (isUserChannel(enrollment.kind)) {
      const channel = await lockUserChannel(client, enrollment.id, device.key);
      if (channel === null || channel.checkedOut) return channel?.key ?? device.key;
      left = [channel.key];
    } else if (device.disabledReason === 'CHECKED_OUT') {
      return device.key;
    } else {
      left.push(...(await userChannelKeys(client, device.key)));
    }
    await endQueues(client, left, 'UNENROLLED', at, traceId);
    await disableChannels(client, left, 'CHECKED_OUT', at);
    const channel = left[0] ?? device.key;
    await appendCheckIn(client, {
      enrollmentKey: channel,
      tenantId: device.tenantId,
      messageType: 'CheckOut',
      eventType: 'EnrollmentCheckedOut',
      message: sealCheckIn(ctx.keyring, arrival),
      data: { channels: left.length },
    });
    return channel;
  });
  ctx.committed();
  ctx.lastSeen.heard(key, at);
}
