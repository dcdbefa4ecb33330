import type { Pool } from 'pg';

/**
 * Takes or keeps a lease: at most one holder has it at a time, by the database's own clock.
 * @param seconds how long it lasts unless it is kept; a holder that dies loses it then
 * @returns whether it is ours now
 */
export async function holdLease(
  pool: Pool,
  name: string,
  holder: string,
  seconds: number,
): Promise<boolean> {
  const result = await pool.query(
    `insert into lease (name, holder, until) values ($1, $2, now() + make_interval(secs => $3))
     on conflict (name) do update set holder = excluded.holder, until = excluded.until
       where lease.holder = excluded.holder or lease.until < now()
     returning 1`,
    [name, holder, seconds],
  );
  return result.rowCount === 1;
}

/** Gives a lease back before its time, so that another can go on at once. */
export async function releaseLease(pool: Pool, name: string, holder: string): Promise<void> {
  await pool.query('delete from lease where name = $1 and holder = $2', [name, holder]);
}
