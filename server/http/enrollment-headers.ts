import { createHmac } from 'node:crypto';
import { type EnrollmentId, enrollmentTypeName } from '../model/enrollment.ts';

/** How upstream servers are told which enrolment asks; the names are NanoMDM's, its tools read them. */
export function enrollmentHeaders(enrollment: EnrollmentId): Record<string, string> {
  return {
    'X-Enrollment-ID': enrollment.id,
    'X-Enrollment-Type': enrollmentTypeName(enrollment.kind),
    ...(enrollment.parentId === null ? {} : { 'X-Enrollment-ParentID': enrollment.parentId }),
  };
}

/** The value of `X-Hmac-Signature` for a body, also for an empty one. */
export function hmacSignature(key: string, body: Uint8Array): string {
  return createHmac('sha256', key).update(body).digest('base64');
}
