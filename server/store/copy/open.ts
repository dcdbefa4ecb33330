import { Pool } from 'pg';
import type { Log } from '../../model/log.ts';
import { openEmbedded } from '../embedded/open.ts';

/** A database to copy from or to. */
export interface CopyEnd {
  readonly pool: Pool;
  close(): Promise<void>;
}

/**
 * Opens the database of a URL, or the embedded one of a data folder. By a name of its own, so that it
 * is not taken for a running server; and a statement may take as long as it likes.
 * @throws {StartupError} the embedded one cannot be started
 */
export async function openCopyEnd(place: string, log: Log): Promise<CopyEnd> {
  const embedded = isUrl(place) ? null : await openEmbedded({ dataDir: place, log });
  const pool = new Pool({
    ...(embedded === null ? { connectionString: place } : embedded.connection),
    application_name: 'graphmdm db',
    connectionTimeoutMillis: 10_000,
    max: 2,
  });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    pool,
    async close() {
      await pool.end();
      await embedded?.stop();
    },
  };
}

/** Whether a place is a server's URL, not a folder. */
export function isUrl(place: string): boolean {
  return /^postgres(ql)?:\/\//.test(place);
}
