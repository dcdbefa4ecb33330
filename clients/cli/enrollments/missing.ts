import { Failure } from '../failure.ts';

/** An enrolment that is not there. */
export function noEnrollment(id: string): Failure {
  return new Failure('NOT_FOUND', `There is no enrolment ${id} for this token.`, {
    advice: '`graphmdm enrollments list` lists them.',
  });
}
