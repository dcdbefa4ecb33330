import { Client } from 'pg';
import { sqlItems } from './sql.ts';
import type { Source } from './source.ts';

/** Rows that are held at once; a result may have megabytes. */
const page = 100;

/**
 * Opens NanoMDM's tables on PostgreSQL: one read-only transaction that sees one moment, and a cursor, which
 * reads as the rows are taken.
 * @param timezone  what times without a zone mean; null: what the database's own sessions have
 */
export async function openPostgres(dsn: string, timezone: string | null): Promise<Source> {
  const client = new Client({ connectionString: dsn, application_name: 'graphmdm import' });
  await client.connect();
  try {
    if (timezone !== null)
      await client.query("select set_config('timezone', $1, false)", [timezone]);
    await client.query('set cursor_tuple_fraction = 1');
    await client.query('set statement_timeout = 0; set idle_in_transaction_session_timeout = 0');
    await client.query('begin isolation level repeatable read read only');
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    items: () => sqlItems(rows, { time }),
    close: () => client.end(),
  };

  async function* rows(sql: string) {
    await client.query(`declare source no scroll cursor for ${sql}`);
    for (;;) {
      const { rows: found } = await client.query<Record<string, unknown>>(
        `fetch ${page} from source`,
      );
      yield* found;
      if (found.length < page) break;
    }
    await client.query('close source');
  }
}

/** The cast to a time with a zone takes the session's. */
function time(column: string): string {
  return `to_char(${column}::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
