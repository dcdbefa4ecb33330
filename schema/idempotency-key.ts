import { ValidationError } from '../server/model/errors.ts';

/** For the description of every mutation's `idempotencyKey`. */
export const idempotencyKeyDescription =
  'A key of your own for this request: within 24 hours, the same key with the same input is answered ' +
  'alike and done once. At most 200 characters.';

/** @throws {ValidationError} it is no key */
export function idempotencyKeyOf(key: string | null | undefined): string | null {
  if (typeof key !== 'string') return null;
  if (/^[^\0]{1,200}$/su.test(key)) return key;
  throw new ValidationError('BAD_KEY', 'An idempotency key has 1 to 200 characters.', [
    'input',
    'idempotencyKey',
  ]);
}
