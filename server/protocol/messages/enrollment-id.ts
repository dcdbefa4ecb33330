import type { EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';

/** The identifiers that Apple's messages carry. An empty one counts as absent. */
export interface Identifiers {
  readonly UDID?: string | undefined;
  readonly UserID?: string | undefined;
  readonly UserShortName?: string | undefined;
  readonly EnrollmentID?: string | undefined;
  readonly EnrollmentUserID?: string | undefined;
}

/** Characters of a whole enrolment id; what NanoMDM's database takes. */
const lengthLimit = 255;
/** The user id of every Shared iPad user (Apple, TokenUpdate); only in this spelling. */
export const sharedIpadUserId = 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';
const controlCharacter = /\p{Cc}/u;

/**
 * Which enrolment a message belongs to. The UDID goes before the EnrollmentID, and each has its own
 * user field; the other one's is ignored. Nothing is trimmed or folded, as in NanoMDM, so that
 * migrated ids stay what they were.
 * @throws {Refusal} 400 `no-identifier` or `bad-identifier`
 */
export function resolveEnrollmentId(fields: Identifiers): EnrollmentId {
  if (fields.UDID) return deviceChannels(fields.UDID, fields.UserID, fields.UserShortName);
  if (fields.EnrollmentID) return userEnrollment(fields.EnrollmentID, fields.EnrollmentUserID);
  throw new Refusal(400, 'no-identifier', 'The message has neither UDID nor EnrollmentID.');
}

function deviceChannels(udid: string, userId?: string, shortName?: string): EnrollmentId {
  if (!userId) return { kind: 'DEVICE', id: checked(udid), parentId: null, deviceId: udid };
  const shared = userId === sharedIpadUserId;
  return {
    kind: shared ? 'SHARED_IPAD' : 'USER',
    id: checked(`${udid}:${shared ? (shortName ?? '') : userId}`),
    parentId: udid,
    deviceId: udid,
  };
}

function userEnrollment(device: string, user?: string): EnrollmentId {
  return user
    ? {
        kind: 'USER_ENROLLMENT',
        id: checked(`${device}:${user}`),
        parentId: device,
        deviceId: device,
      }
    : { kind: 'USER_ENROLLMENT_DEVICE', id: checked(device), parentId: null, deviceId: device };
}

function checked(id: string): string {
  if (id.length > lengthLimit && Array.from(id).length > lengthLimit) {
    throw new Refusal(400, 'bad-identifier', 'The enrolment id is longer than 255 characters.');
  }
  if (controlCharacter.test(id)) {
    throw new Refusal(400, 'bad-identifier', 'The enrolment id has a control character.');
  }
  return id;
}
