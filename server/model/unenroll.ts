/**
 * How a device is told that it is not managed any more: 403 with Apple's code, or 401 for systems older
 * than that (`mdm/errors/unrecognized.device.yaml`).
 */
export type UnenrollAnswer = 'UNRECOGNIZED_DEVICE' | 'UNAUTHORIZED';

/** The one answer that makes a device un-enrol; given on purpose only, to one enrolment. */
export class Unenroll extends Error {
  override readonly name = 'Unenroll';
  readonly answer: UnenrollAnswer;

  constructor(answer: UnenrollAnswer, enrollmentId: string) {
    super(`${enrollmentId} is told to un-enrol, as it was asked for`);
    this.answer = answer;
  }
}
