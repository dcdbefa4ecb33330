import { UserError } from '../model/errors.ts';

/** The code of what may work the next time. */
export const unavailable = 'UNAVAILABLE';

/** Nothing is wrong with what was shown, but it cannot be checked now. */
export class AccessUnavailable extends UserError {
  override readonly name = 'AccessUnavailable';

  constructor(message: string) {
    super(unavailable, message);
  }
}
