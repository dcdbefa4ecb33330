/** What a list of devices can be ordered by. What is not known of a device sorts before all else. */
export const enrollmentOrderFields = [
  'ENROLLMENT_ID',
  'SERIAL_NUMBER',
  'DEVICE_NAME',
  'LAST_SEEN',
  'ENROLLED_AT',
  'FIRST_SEEN',
  'OS_VERSION',
  'CERTIFICATE_EXPIRY',
] as const;

export type EnrollmentOrderField = (typeof enrollmentOrderFields)[number];

/** An order of a list of devices; devices that are equal in it follow one another as they came. */
export interface EnrollmentOrder {
  readonly field: EnrollmentOrderField;
  readonly descending: boolean;
}

export const byEnrollmentId: EnrollmentOrder = { field: 'ENROLLMENT_ID', descending: false };

/** Where a device stands in an order: the id, or the order's value and the device's key. */
export type EnrollmentPosition = readonly string[];

const wholeNumber = /^-?\d{1,18}$/;

const values: Readonly<Record<EnrollmentOrderField, RegExp>> = {
  ENROLLMENT_ID: /^/,
  SERIAL_NUMBER: /^/,
  DEVICE_NAME: /^/,
  LAST_SEEN: /^\d{1,9}$/,
  ENROLLED_AT: wholeNumber,
  FIRST_SEEN: wholeNumber,
  OS_VERSION: wholeNumber,
  CERTIFICATE_EXPIRY: wholeNumber,
};

/** Whether texts, as they come out of a cursor, are a position in an order. */
export function isEnrollmentPosition(
  { field }: EnrollmentOrder,
  parts: readonly string[],
): parts is EnrollmentPosition {
  const [value = '', key = ''] = parts;
  if (field === 'ENROLLMENT_ID') return parts.length === 1;
  return parts.length === 2 && values[field].test(value) && wholeNumber.test(key);
}
