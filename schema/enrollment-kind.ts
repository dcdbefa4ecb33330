import type { EnrollmentKind } from '../server/model/enrollment.ts';
import { builder } from './builder.ts';

const kinds = {
  DEVICE: { description: "A device's own channel." },
  USER: { description: "A user's channel on a Mac." },
  SHARED_IPAD: { description: "A user's channel on a shared iPad." },
  USER_ENROLLMENT_DEVICE: {
    description: 'The device channel of a user enrolment, which hides the UDID.',
  },
  USER_ENROLLMENT: { description: "The user's channel of a user enrolment." },
} as const satisfies Readonly<Record<EnrollmentKind, { readonly description: string }>>;

export const EnrollmentKindEnum = builder.enumType('EnrollmentKind', {
  description: "The kinds of channel that Apple's devices know.",
  values: kinds,
});

/** @throws {TypeError} the database holds a kind that this version does not know */
export function enrollmentKindOf(text: string): EnrollmentKind {
  if (!isEnrollmentKind(text)) throw new TypeError(`Unknown kind of enrolment: ${text}`);
  return text;
}

function isEnrollmentKind(text: string): text is EnrollmentKind {
  return Object.hasOwn(kinds, text);
}
