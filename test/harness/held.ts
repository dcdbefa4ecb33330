import type { Pool } from 'pg';

/** Rows that a test keeps others from changing. */
export interface Held {
  /** Lets the others go on. */
  release(): Promise<void>;
}

/** Locks rows until they are released, by a statement such as `select … for update`. */
export async function hold(
  pool: Pool,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Held> {
  const client = await pool.connect();
  await client.query('begin');
  const { rowCount } = await client.query(statement, [...values]);
  if (rowCount === 0) throw new Error(`nothing to hold: ${statement}`);
  return {
    async release() {
      await client.query('rollback');
      client.release();
    },
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
