import type { PoolClient } from 'pg';
import { isUserChannel } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { shortText } from '../../model/short-text.ts';
import { defaultTenant } from '../../model/viewer.ts';
import type { Authenticate } from '../../protocol/messages/check-in.ts';
import {
  type BoundDevice,
  lockDevice,
  recordCertificate,
  setPendingCertificate,
} from '../../store/check-ins/bindings.ts';
import { refreshDevice } from '../../store/check-ins/channels.ts';
import {
  type DeviceFacts,
  type StoredCheckIn,
  appendCheckIn,
} from '../../store/check-ins/check-in-row.ts';
import { renewedEnrollment, setRenewing } from '../../store/check-ins/renewal.ts';
import { replaceTagsByInvitation } from '../../store/enrollments/invitation-tags.ts';
import { appendEvent } from '../../store/events/append.ts';
import { withTransaction } from '../../store/transaction.ts';
import { isRenewal, standingOf } from '../binding.ts';
import type { MdmContext } from '../context.ts';
import { tagsOfEvent } from '../enrollments/tags-of-event.ts';
import { reEnroll } from '../reenroll.ts';
import type { Arrival } from './message.ts';
import { sealCheckIn } from './store-raw.ts';

/**
 * A device asks to be enrolled. A new one is bound to its certificate. A known one keeps its current
 * certificate until it is heard with the new one; unless this is a renewal, it loses what a
 * re-enrolment ends: its queue and its user channels', its tally, its bootstrap and unlock tokens; its
 * tags stay, unless the invitation brings others. It is enabled by its TokenUpdate.
 * @throws {Refusal} 400 on a user channel; 409 when the certificate belongs to another device
 */
export async function authenticate(
  ctx: MdmContext,
  message: Authenticate,
  arrival: Arrival,
): Promise<void> {
  const { enrollment } = message;
  if (isUserChannel(enrollment.kind)) {
    throw new Refusal(400, 'authenticate-on-user-channel', 'Authenticate names a user channel');
  }
  const stored = sealCheckIn(ctx.keyring, arrival);
  const facts = factsOf(message);
  const created = await ctx.hotPath.authenticateNew({
    id: enrollment.id,
    defaultTenantId: defaultTenant,
    kind: enrollment.kind,
    topic: message.topic ?? null,
    facts,
    certificate: arrival.certificate,
    message: stored,
  });
  if (created.outcome === 'certificate-taken') throw certificateTaken(enrollment.id);
  const key =
    created.outcome === 'created'
      ? created.enrollmentKey
      : await withTransaction(ctx.hot, (client) =>
          authenticateKnown(client, message, facts, stored, arrival),
        );
  ctx.committed();
  ctx.lastSeen.heard(key, arrival.at);
}

async function authenticateKnown(
  client: PoolClient,
  message: Authenticate,
  facts: DeviceFacts,
  stored: StoredCheckIn,
  arrival: Arrival,
): Promise<string> {
  const { certificate, at } = arrival;
  const device = await lockDevice(client, message.enrollment.id);
  const renewed = await renewedEnrollment(client, certificate.sha256);
  if (renewed !== null && renewed !== device?.key) throw certificateTaken(message.enrollment.id);
  if (device === null) {
    throw new Refusal(409, 'not-a-device', `${message.enrollment.id} is a user channel's id`);
  }
  const renewal = await isRenewal(client, device, arrival);
  if (!(await recordCertificate(client, device.key, certificate, at))) {
    throw certificateTaken(device.id);
  }
  const same = standingOf(device, certificate.sha256) === 'current';
  await setPendingCertificate(client, device.key, same ? null : certificate.sha256);
  await setRenewing(client, device.key, renewal);
  if (!renewal) await reEnroll(client, device, arrival);
  const topic = message.topic ?? null;
  await refreshDevice(client, { key: device.key, topic, facts, at });
  await appendCheckIn(client, {
    enrollmentKey: device.key,
    tenantId: device.tenantId,
    messageType: 'Authenticate',
    eventType: 'EnrollmentAuthenticated',
    message: stored,
    data: {
      new: false,
      renewal,
      topic: topic === null ? null : shortText(topic),
      serialNumber: facts.serialNumber === null ? null : shortText(facts.serialNumber),
      certificateSha256: certificate.sha256.toString('hex'),
    },
  });
  if (!renewal) await tagByInvitation(client, device, arrival);
  return device.key;
}

async function tagByInvitation(
  client: PoolClient,
  device: BoundDevice,
  { certificate, at, traceId }: Arrival,
): Promise<void> {
  const change = await replaceTagsByInvitation(client, device.key, certificate.sha256);
  if (change === null) return;
  const { invitationId, added, removed } = change;
  await appendEvent(client, {
    type: 'EnrollmentTagsChanged',
    tenantId: device.tenantId,
    at,
    traceId,
    enrollmentKey: device.key,
    data: { ...tagsOfEvent({ added, removed }), invitationId },
  });
}

function certificateTaken(id: string): Refusal {
  return new Refusal(
    409,
    'certificate-taken',
    `${id} presents a certificate that is another device's`,
  );
}

function factsOf(message: Authenticate): DeviceFacts {
  return {
    serialNumber: message.serialNumber ?? null,
    deviceName: message.deviceName ?? null,
    model: message.model ?? null,
    modelName: message.modelName ?? null,
    productName: message.productName ?? null,
    osVersion: message.osVersion ?? null,
    buildVersion: message.buildVersion ?? null,
    imei: message.imei ?? null,
    meid: message.meid ?? null,
  };
}
