import {
  byEnrollmentId,
  type EnrollmentOrder,
  type EnrollmentOrderField,
  type EnrollmentPosition,
  isEnrollmentPosition,
} from '../server/model/enrollment-order.ts';
import { builder } from './builder.ts';
import { type CursorCodec, cursorCodec } from './page.ts';

const EnrollmentOrderFieldEnum = builder.enumType('EnrollmentOrderField', {
  description: 'What devices can be ordered by.',
  values: {
    ENROLLMENT_ID: { description: 'By their natural ids, byte by byte.' },
    SERIAL_NUMBER: {
      description: 'By their serial numbers, byte by byte: the first 100 characters.',
    },
    DEVICE_NAME: {
      description:
        'By their names: the first 100 characters, in small letters as far as they are ASCII.',
    },
    LAST_SEEN: { description: 'By the hour in which they were last heard.' },
    ENROLLED_AT: { description: 'By when they were last enabled by a TokenUpdate.' },
    FIRST_SEEN: { description: 'By when they were first heard of.' },
    OS_VERSION: { description: "By the numbers of the system's version: 9.3, 10.0, 10.15.7." },
    CERTIFICATE_EXPIRY: { description: 'By when the certificate ends that they sign with.' },
  } as const satisfies Readonly<Record<EnrollmentOrderField, { readonly description: string }>>,
});

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'Which end of an order comes first.',
  values: {
    ASC: { description: 'The least first.' },
    DESC: { description: 'The greatest first.' },
  } as const,
});

export const EnrollmentOrderInput = builder.inputType('EnrollmentOrderInput', {
  description:
    'An order of devices. What is not known of a device counts as less than all else. Devices that are ' +
    'equal in it come in the order in which they were first heard of.',
  fields: (t) => ({
    field: t.field({
      type: EnrollmentOrderFieldEnum,
      required: true,
      description: 'By what.',
    }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: 'ASC',
      description: 'Which end first.',
    }),
  }),
});

/** The order that an argument says. */
export function enrollmentOrderOf(
  input:
    | { readonly field: EnrollmentOrderField; readonly direction: 'ASC' | 'DESC' }
    | null
    | undefined,
): EnrollmentOrder {
  return input ? { field: input.field, descending: input.direction === 'DESC' } : byEnrollmentId;
}

/** Cursors of a list in this order; they are of no use in another. */
export function enrollmentOrderCursor(order: EnrollmentOrder): CursorCodec<EnrollmentPosition> {
  const { field, descending } = order;
  // By id, upwards, it is the cursor of every list of enrolments.
  const name =
    field === 'ENROLLMENT_ID' && !descending
      ? 'enrollments'
      : `enrollments by ${field}${descending ? ' down' : ''}`;
  return cursorCodec<EnrollmentPosition>(
    name,
    (position) => position,
    (parts) => (isEnrollmentPosition(order, parts) ? parts : null),
  );
}
