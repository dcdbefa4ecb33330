import type { PoolClient } from 'pg';
import type { BoundDevice } from '../store/check-ins/bindings.ts';
import { disableChannels, forgetTokens, userChannelKeys } from '../store/check-ins/channels.ts';
import { appendEvent } from '../store/events/append.ts';
import { endQueues } from '../store/queue/end-entries.ts';
import type { Arrival } from './check-in/message.ts';

/**
 * Ends a device's enrolment because it enrols again: everything that waits for it and for its user
 * channels goes to history, all of them are disabled until their TokenUpdates, and the tokens that it
 * escrowed are forgotten. Appends the
 * re-enrolment's event, once for a re-enrolment however often its Authenticate is repeated.
 */
export async function reEnroll(
  client: PoolClient,
  device: BoundDevice,
  arrival: Arrival,
): Promise<void> {
  const { at, traceId, certificate } = arrival;
  const channels = [device.key, ...(await userChannelKeys(client, device.key))];
  await endQueues(client, channels, 'RE_ENROLLED', at, traceId);
  await disableChannels(client, channels, 'RE_ENROLLING', at);
  await forgetTokens(client, device.key);
  if (!device.everEnrolled || device.disabledReason === 'RE_ENROLLING') return;
  await appendEvent(client, {
    type: 'EnrollmentReEnrolled',
    tenantId: device.tenantId,
    at,
    traceId,
    enrollmentKey: device.key,
    data: {
      certificateSha256: certificate.sha256.toString('hex'),
      previousCertificateSha256: device.currentHash?.toString('hex') ?? null,
    },
  });
}
