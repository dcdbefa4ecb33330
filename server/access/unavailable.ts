import { UserError } from '../model/errors.ts';

/** Nothing is wrong with what was shown, but it cannot be checked now. */
export class AccessUnavailable extends UserError {
  override readonly name = 'AccessUnavailable';

  constructor(message: string) {
    super('UNAVAILABLE', message);
  }
}
