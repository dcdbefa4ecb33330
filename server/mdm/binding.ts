import type { PoolClient } from 'pg';
import { Refusal } from '../model/refusal.ts';
import { Unenroll, type UnenrollAnswer } from '../model/unenroll.ts';
import {
  type BoundDevice,
  lockDevice,
  promotePendingCertificate,
  recordCertificate,
} from '../store/check-ins/bindings.ts';
import { enableAgain } from '../store/check-ins/channels.ts';
import { issuedAs, renewalDelivered } from '../store/check-ins/renewal.ts';
import { isMigratedCertificate } from '../store/migration/certificates.ts';
import { followProfileValues } from '../store/enroll/profile-values.ts';
import { appendEvent } from '../store/events/append.ts';
import type { Arrival } from './check-in/message.ts';
import { reEnroll } from './reenroll.ts';

/** What the operator decided about certificates. */
export interface BindingPolicy {
  /** Whether a migrated device without a certificate is bound to the first one that it shows. */
  readonly retro: boolean;
}

/** What a certificate is to a device. */
export type Standing = 'current' | 'pending' | 'foreign';

/** Compares a certificate with those that the device is bound to. */
export function standingOf(device: BoundDevice, sha256: Buffer): Standing {
  if (device.currentHash?.equals(sha256)) return 'current';
  if (device.pendingHash?.equals(sha256)) return 'pending';
  return 'foreign';
}

/**
 * Whether a new certificate renews the enrolment that is there, rather than beginning another. Of one
 * that we issued the record of it is the evidence. Of another's it is a renewal InstallProfile that the
 * device was handed and has not answered; one that is merely queued proves nothing.
 */
export async function isRenewal(
  client: PoolClient,
  device: BoundDevice,
  arrival: Arrival,
): Promise<boolean> {
  if (!device.enabled || standingOf(device, arrival.certificate.sha256) === 'current') return false;
  const issued = await issuedAs(client, device.key, arrival.certificate.sha256);
  if (issued !== 'foreign') return issued === 'renewal';
  return renewalDelivered(client, device.key, arrival.certificate);
}

/**
 * `proveBinding`, for every message but the one that says goodbye: a device that is to un-enrol is told
 * so instead.
 * @throws {Refusal} 409: never enrolled, or the certificate is not this device's
 * @throws {Unenroll} somebody asked for this device to be un-enrolled
 */
export async function proveDevice(
  client: PoolClient,
  deviceId: string,
  arrival: Arrival,
  policy: BindingPolicy,
  inSetupAssistant = false,
): Promise<BoundDevice> {
  const device = await proveBinding(client, deviceId, arrival, policy, inSetupAssistant);
  const answer = unenrollAnswer(device.disabledReason);
  if (answer !== null) throw new Unenroll(answer, device.id);
  return device;
}

/**
 * Demands that a message's certificate is the device's, and does what being heard with it implies:
 *
 * - A new certificate is only pending after an Authenticate (Apple: the payload need not be installed
 *   yet). The first later message signed with it makes it current and retires the old one.
 * - A renewal may come without an Authenticate; then the evidence for it makes the certificate current.
 *   A device that waits in Setup Assistant enrols anew, whatever the evidence.
 * - A device that is heard with its old certificate, with no TokenUpdate since it authenticated with
 *   a new one, is enabled again: its profile update failed. Unless the new one is heard after all: then
 *   the old message had only been under way, and the re-enrolment goes on.
 * - A migrated device that has no certificate yet is bound to the first one, if the policy says so. An
 *   id that never enrolled is not: anybody of the same authority could take it.
 *
 * The device's row is locked until the transaction ends.
 * @param inSetupAssistant whether the message says so, by `AwaitingConfiguration`
 * @throws {Refusal} 409: never enrolled, or the certificate is not this device's
 */
export async function proveBinding(
  client: PoolClient,
  deviceId: string,
  arrival: Arrival,
  policy: BindingPolicy,
  inSetupAssistant = false,
): Promise<BoundDevice> {
  const device = await lockDevice(client, deviceId);
  if (device === null) {
    throw new Refusal(409, 'not-enrolled', `no Authenticate was ever received for ${deviceId}`);
  }
  switch (standingOf(device, arrival.certificate.sha256)) {
    case 'foreign':
      if (policy.retro && device.currentHash === null && device.pendingHash === null) {
        await record(client, device, arrival);
        return makeCurrent(client, device, arrival);
      }
      // Where it comes from it may have had several, and nobody there knew which one it uses.
      if (await isMigratedCertificate(client, device.key, arrival.certificate.sha256)) {
        return replace(client, { ...device, renewing: !inSetupAssistant }, arrival);
      }
      if (!(await isRenewal(client, device, arrival))) throw notBound(device, arrival);
      await record(client, device, arrival);
      return replace(client, { ...device, renewing: !inSetupAssistant }, arrival);
    case 'pending':
      return replace(
        client,
        { ...device, renewing: device.renewing && !inSetupAssistant },
        arrival,
      );
    case 'current':
      return reviveFailedReEnrollment(client, device, arrival);
  }
}

/** What a device's state says it has to be answered with, if it is to un-enrol. */
function unenrollAnswer(disabledReason: string | null): UnenrollAnswer | null {
  if (disabledReason === 'UNENROLL_UNRECOGNIZED_DEVICE') return 'UNRECOGNIZED_DEVICE';
  return disabledReason === 'UNENROLL_UNAUTHORIZED' ? 'UNAUTHORIZED' : null;
}

async function record(client: PoolClient, device: BoundDevice, arrival: Arrival): Promise<void> {
  if (!(await recordCertificate(client, device.key, arrival.certificate, arrival.at))) {
    throw notBound(device, arrival);
  }
}

function notBound(device: BoundDevice, { certificate }: Arrival): Refusal {
  const hash = certificate.sha256.toString('hex');
  return new Refusal(
    409,
    'certificate-not-bound',
    `certificate ${hash} is not bound to ${device.id}`,
  );
}

/** Makes a new certificate current; an enrolment that is not renewed by it ends, if it has not yet. */
async function replace(
  client: PoolClient,
  device: BoundDevice,
  arrival: Arrival,
): Promise<BoundDevice> {
  if (!device.enabled || device.renewing) return makeCurrent(client, device, arrival);
  await reEnroll(client, device, arrival);
  const ended = { ...device, enabled: false, disabledReason: 'RE_ENROLLING' };
  return makeCurrent(client, ended, arrival);
}

async function makeCurrent(
  client: PoolClient,
  device: BoundDevice,
  arrival: Arrival,
): Promise<BoundDevice> {
  const { certificate, at, traceId } = arrival;
  await promotePendingCertificate(client, device, certificate.sha256, at, traceId);
  await followProfileValues(client, device.key, {
    certificate: certificate.sha256,
    // A migrated device that is bound to its first certificate is in the enrolment that it was in.
    renewal: device.renewing || device.currentHash === null,
    at,
  });
  return { ...device, currentHash: certificate.sha256, pendingHash: null };
}

async function reviveFailedReEnrollment(
  client: PoolClient,
  device: BoundDevice,
  arrival: Arrival,
): Promise<BoundDevice> {
  if (device.disabledReason !== 'RE_ENROLLING' || device.pendingHash === null) return device;
  if (!(await enableAgain(client, device.key))) return device;
  await appendEvent(client, {
    type: 'EnrollmentReEnabled',
    tenantId: device.tenantId,
    at: arrival.at,
    traceId: arrival.traceId,
    enrollmentKey: device.key,
    data: { reason: 'RE_ENROLLMENT_FAILED' },
  });
  return { ...device, enabled: true, disabledReason: null };
}
