import type pg from 'pg';
import { QueryTooExpensiveError } from '../model/errors.ts';
import { withTransaction } from './transaction.ts';
import { sqlState } from './unavailable.ts';

/**
 * Waits for a statement that somebody's input makes as expensive as it likes.
 * @param path  that input
 * @throws {QueryTooExpensiveError} PostgreSQL broke it off for its statement time-out
 */
export async function inTime<T>(statement: Promise<T>, path: readonly string[]): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    // 57014 query_canceled
    if (sqlState(error) !== '57014') throw error;
    throw new QueryTooExpensiveError(
      'QUERY_TOO_EXPENSIVE',
      'This takes too long. Filter by less, or in an order that has an index for the filter: docs/lists.md ' +
        'has the table.',
      path,
    );
  }
}

/** `withTransaction` for work whose cost is up to somebody's input: see `inTime`. */
export function boundedTransaction<T>(
  pool: pg.Pool,
  path: readonly string[],
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return inTime(withTransaction(pool, work), path);
}
