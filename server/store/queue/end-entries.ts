import type { Pool, PoolClient } from 'pg';
import { type EndReason, type LeftRow, leaveSql } from './leave.ts';

/**
 * Ends everything that waits for these enrolments. Entries are touched in key order, so that two of
 * these never deadlock.
 * @returns how many were ended
 */
export async function endQueues(
  client: PoolClient,
  enrollmentKeys: readonly string[],
  reason: EndReason,
  at: Date,
  traceId: string,
): Promise<number> {
  const result = await client.query<LeftRow>({
    name: 'end-queues',
    text: leaveSql(
      `  select enrollment_key, command_key from queue_entry
  where enrollment_key = any($1::bigint[])
  order by enrollment_key, urgency, command_key
  for update`,
      { reason: '$2::text', at: '$3::timestamptz', traceId: '$4::text', actor: 'null' },
    ),
    values: [enrollmentKeys, reason, at, traceId],
  });
  return result.rows[0]?.count ?? 0;
}

/**
 * Ends entries whose time is over, the oldest first, a page at a time.
 * @returns how many; a full page means that there may be more
 */
export async function endExpired(pool: Pool, at: Date): Promise<number> {
  const result = await pool.query<LeftRow>(
    leaveSql(
      `  select enrollment_key, command_key from queue_entry
  where expires_at <= $1
  order by expires_at limit 2000
  for update skip locked`,
      { reason: "'EXPIRED'::text", at: '$1::timestamptz', traceId: 'null', actor: 'null' },
    ),
    [at],
  );
  return result.rows[0]?.count ?? 0;
}
