import { UserError } from '../model/errors.ts';

/** Nobody may do anything with this: no token, an unknown one, or one that is no longer good. */
export class Unauthenticated extends UserError {
  override readonly name = 'Unauthenticated';

  constructor(message: string) {
    super('UNAUTHENTICATED', message);
  }
}
