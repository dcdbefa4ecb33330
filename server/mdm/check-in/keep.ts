import type { PoolClient } from 'pg';
import type { EventData, EventType } from '../../model/events.ts';
import { isUserChannel } from '../../model/enrollment.ts';
import type { CheckInSender } from '../../protocol/messages/check-in.ts';
import type { BoundDevice } from '../../store/check-ins/bindings.ts';
import { lockUserChannel } from '../../store/check-ins/channels.ts';
import { appendCheckIn } from '../../store/check-ins/check-in-row.ts';
import { withTransaction } from '../../store/transaction.ts';
import { proveDevice } from '../binding.ts';
import type { MdmContext } from '../context.ts';
import type { Arrival } from './message.ts';
import { sealCheckIn } from './store-raw.ts';

/** A check-in that changes little: what is kept of it, and what else it does in its transaction. */
export interface KeptCheckIn<Result> {
  readonly messageType: string;
  readonly eventType: EventType;
  readonly data: (result: Result) => EventData;
  readonly effect: (client: PoolClient, device: BoundDevice) => Promise<Result>;
}

/**
 * Proves who sent a check-in, does its effect, keeps the message and appends its event: all in one
 * transaction. What a user channel that was never seen sends is kept with its device.
 * @throws {Refusal} 409 when the device is unknown, or certificate or channel is not its own
 */
export async function keepCheckIn<Result>(
  ctx: MdmContext,
  sender: CheckInSender,
  arrival: Arrival,
  kept: KeptCheckIn<Result>,
): Promise<Result> {
  const { enrollment } = sender;
  const done = await withTransaction(ctx.hot, async (client) => {
    const device = await proveDevice(client, enrollment.deviceId, arrival, ctx);
    const channel = isUserChannel(enrollment.kind)
      ? await lockUserChannel(client, enrollment.id, device.key)
      : device;
    const enrollmentKey = channel?.key ?? device.key;
    const result = await kept.effect(client, device);
    await appendCheckIn(client, {
      enrollmentKey,
      tenantId: device.tenantId,
      messageType: kept.messageType,
      eventType: kept.eventType,
      message: sealCheckIn(ctx.keyring, arrival),
      data: kept.data(result),
    });
    return { enrollmentKey, result };
  });
  ctx.committed();
  ctx.lastSeen.heard(done.enrollmentKey, arrival.at);
  return done.result;
}

/** What a message says of its user. */
export function namesOf(sender: CheckInSender) {
  return {
    userId: sender.userId ?? sender.enrollmentUserId ?? null,
    shortName: sender.userShortName ?? null,
    longName: sender.userLongName ?? null,
  };
}
