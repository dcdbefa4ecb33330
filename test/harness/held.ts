import type { Pool } from 'pg';

/** Rows that a test keeps others from changing. */
export interface Held {
  /** Changes something that nobody sees before `commit`. */
  query(statement: string, values?: readonly unknown[]): Promise<unknown>;
  /** Lets the others go on; nothing has changed. */
  release(): Promise<void>;
  /** Lets the others go on, who see what has changed. */
  commit(): Promise<void>;
}

/** Locks rows until they are released, by a statement such as `select … for update` or `lock table`. */
export async function hold(
  pool: Pool,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Held> {
  const client = await pool.connect();
  await client.query('begin');
  const { rowCount } = await client.query(statement, [...values]);
  if (rowCount === 0) throw new Error(`nothing to hold: ${statement}`);
  const end = async (how: 'commit' | 'rollback') => {
    await client.query(how);
    client.release();
  };
  return {
    query: (text, parameters = []) => client.query(text, [...parameters]),
    release: () => end('rollback'),
    commit: () => end('commit'),
  };
}

/** Waits until a statement with such a text waits for somebody's rows. */
export async function waitsForRows(pool: Pool, like: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      `select 1 from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like $1`,
      [like],
    );
    if (rows.length > 0) return;
  }
}

/**
 * Waits until a statement with such a text waits for somebody's rows, and breaks it off as its time-out
 * would, with the same SQLSTATE.
 * @param last  what the call before has answered: that statement is not taken for another
 */
export async function stopWaiting(pool: Pool, like: string, last: string | null): Promise<string> {
  for (;;) {
    const { rows } = await pool.query<{ begun: string }>(
      `select query_start::text as begun, pg_cancel_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like $1
         and ($2::timestamptz is null or query_start > $2)`,
      [like, last],
    );
    const begun = rows[0]?.begun;
    if (begun !== undefined) return begun;
  }
}
