import type { PlistValue } from '../../server/protocol/plist/value.ts';
import type { Device } from './device.ts';
import type { EnrollmentProfile } from './enrollment-profile.ts';
import { readEnrollmentProfile } from './enrollment-profile.ts';
import type { ScepOptions } from './scep.ts';
import { enrolByScep } from './scep.ts';

/** How a device tells of its new certificate: by enrolling anew, by a TokenUpdate only, or not at all. */
export type RenewalShape = 'authenticate' | 'token-update' | 'silent';

/**
 * From now on a device takes an InstallProfile with an enrolment profile as real ones do: it gets a new
 * identity by the profile's SCEP payload, tells of it in its shape, and then answers the command.
 * @param shape  `fails`: it authenticates with the new identity, and then installing fails after all
 */
export function renewByProfile(
  device: Device,
  shape: RenewalShape | 'fails',
  scep: ScepOptions = {},
): void {
  device.channel.before = async ({ requestType, payload }) => {
    const profile = requestType === 'InstallProfile' ? enrollmentProfile(payload['Payload']) : null;
    if (profile === null) return;
    const identity = await enrolByScep(profile.scep, scep);
    if (shape === 'fails') await device.failRenewal(identity);
    else await device.renew(identity, shape);
  };
}

function enrollmentProfile(payload: PlistValue | undefined): EnrollmentProfile | null {
  if (!(payload instanceof Uint8Array)) return null;
  try {
    return readEnrollmentProfile(Buffer.from(payload));
  } catch {
    return null;
  }
}
