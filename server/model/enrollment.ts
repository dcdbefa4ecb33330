/**
 * The kinds of enrolment that Apple's devices know. Names as NanoMDM and its tools spell them are in
 * `enrollmentTypeName`.
 */
export type EnrollmentKind =
  | 'DEVICE'
  | 'USER'
  | 'SHARED_IPAD'
  | 'USER_ENROLLMENT_DEVICE'
  | 'USER_ENROLLMENT';

/** Which enrolment a message belongs to, resolved from the identifiers inside it. */
export interface EnrollmentId {
  /** The enrolment's own id: `UDID`, `UDID:UserID`, `EnrollmentID`, … */
  readonly id: string;
  readonly kind: EnrollmentKind;
  /** The device channel's id for a user channel, otherwise null. */
  readonly parentId: string | null;
  /** The id that the certificate is bound to: the device channel's. */
  readonly deviceId: string;
}

const typeNames: Readonly<Record<EnrollmentKind, string>> = {
  DEVICE: 'Device',
  USER: 'User',
  SHARED_IPAD: 'Shared iPad',
  USER_ENROLLMENT_DEVICE: 'User Enrollment (Device)',
  USER_ENROLLMENT: 'User Enrollment',
};

/** The type name that NanoMDM, its webhooks and its declarative-management upstreams use. */
export function enrollmentTypeName(kind: EnrollmentKind): string {
  return typeNames[kind];
}

/** Whether the enrolment is a user's channel on a device rather than the device's own. */
export function isUserChannel(kind: EnrollmentKind): boolean {
  return kind === 'USER' || kind === 'SHARED_IPAD' || kind === 'USER_ENROLLMENT';
}
