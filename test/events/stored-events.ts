import type { Pool, PoolClient } from 'pg';
import type { EventType } from '../../server/model/events.ts';

/** An event as a transaction appends it. */
export interface AppendedEvent {
  readonly type?: EventType;
  readonly tenant?: number;
  readonly enrollmentKey?: bigint | null;
  readonly commandKey?: bigint | null;
  readonly data?: Record<string, number | string>;
}

/** Appends an event without a number, as every change of state does. */
export async function append(
  client: Pool | PoolClient,
  { type, tenant, enrollmentKey, commandKey, data }: AppendedEvent = {},
): Promise<bigint> {
  const result = await client.query<{ id: string }>(
    `insert into event (type, tenant_id, enrollment_key, command_key, data)
     values ($1, $2, $3, $4, $5) returning id`,
    [type ?? 'CommandAnswered', tenant ?? 1, enrollmentKey ?? null, commandKey ?? null, data ?? {}],
  );
  return BigInt(result.rows[0]?.id ?? 0);
}

/** Runs `work` in a transaction of its own. */
export async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
