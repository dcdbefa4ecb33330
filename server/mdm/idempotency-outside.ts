import type { Pool } from 'pg';
import { ConflictError } from '../model/errors.ts';
import { freeIdempotencyKey, storeIdempotentAnswer } from '../store/idempotency.ts';
import { withTransaction } from '../store/transaction.ts';
import { claimKey, type OnceRequest } from './idempotency.ts';

/**
 * As `once`, for work that happens outside of the database, where no transaction can hold it: the key
 * is claimed before, and the answer stored after. A process that dies in between leaves the key claimed:
 * nobody knows then whether the work was done.
 * @param run its answer must survive JSON and not be null; a throw leaves the key free
 * @throws {ConflictError} as `once`
 */
export async function onceOutside<Answer>(
  pool: Pool,
  request: OnceRequest,
  run: () => Promise<Answer>,
  read: (stored: unknown) => Answer,
): Promise<{ readonly answer: Answer; readonly replayed: boolean }> {
  const { key } = request;
  if (key === null) return { answer: await run(), replayed: false };
  const claimed = await withTransaction(pool, (client) => claimKey(client, { ...request, key }));
  if (claimed.earlier !== null) {
    if (claimed.earlier.answer !== null) {
      return { answer: read(claimed.earlier.answer), replayed: true };
    }
    throw new ConflictError(
      'IN_PROGRESS',
      'A request with this idempotencyKey is still running, or was cut off: look what became of it.',
      ['input', 'idempotencyKey'],
    );
  }
  let answer: Answer;
  try {
    answer = await run();
  } catch (error) {
    await withTransaction(pool, (client) => freeIdempotencyKey(client, claimed.key));
    throw error;
  }
  await withTransaction(pool, (client) => storeIdempotentAnswer(client, claimed.key, answer));
  return { answer, replayed: false };
}
