import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { sqlState } from './unavailable.ts';

/** How often a transaction that lost against others is tried in all. */
const mostTries = 5;

/**
 * Runs `work` in one transaction and gives back what it returns once that is committed. A transaction
 * that PostgreSQL broke off for the sake of another (serialization failure, deadlock) is run again, a
 * few times: `work` must have no effects but in the database, and await nothing else.
 * @param isolation  @default 'read committed'
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  isolation: 'read committed' | 'repeatable read' | 'serializable' = 'read committed',
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(pool, work, isolation);
    } catch (error) {
      if (attempt >= mostTries || !lostToAnother(error)) throw error;
      // Apart at random, or the same two would meet again.
      await delay(Math.random() * 10 * 2 ** attempt);
    }
  }
}

async function once<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  isolation: string,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(`begin isolation level ${isolation}`);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    // A connection whose rollback fails is in an unknown state: it goes back to nobody.
    await client.query('rollback').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error(String(failure));
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function lostToAnother(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}
