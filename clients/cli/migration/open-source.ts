import { openFilekv } from '../nanomdm/filekv.ts';
import { openMysql } from '../nanomdm/mysql.ts';
import { openPostgres } from '../nanomdm/postgres.ts';
import type { Source } from '../nanomdm/source.ts';
import { Failure, usage } from '../failure.ts';

/**
 * Opens a NanoMDM's storage.
 * @throws {Failure} none is named, or it cannot be read; never with the password that is in a dsn
 */
export async function openSource(
  dsn: string | undefined,
  folder: string | undefined,
  timezone: string | null,
): Promise<Source> {
  if ((dsn === undefined) === (folder === undefined)) {
    throw usage(
      'From where?',
      'Say --dsn postgresql://… or --dsn mysql://… (or set GRAPHMDM_SOURCE_DSN), or name the folder of a filekv storage.',
    );
  }
  try {
    if (folder !== undefined) return await openFilekv(folder);
    const scheme = /^(\w+):\/\//.exec(dsn ?? '')?.[1];
    if (scheme === 'postgresql' || scheme === 'postgres') {
      return await openPostgres(dsn ?? '', timezone);
    }
    if (scheme === 'mysql' || scheme === 'mariadb') {
      return await openMysql((dsn ?? '').replace(/^mariadb:/, 'mysql:'));
    }
  } catch (error) {
    throw unreadable(error);
  }
  throw usage('The source is neither postgresql://… nor mysql://….');
}

/** What a driver says when the source cannot be read. */
export function unreadable(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, message } = Object(error) as Readonly<Record<string, unknown>>;
  const word = typeof code === 'string' && message === '' ? code : String(message ?? error);
  return new Failure('SOURCE_UNREADABLE', `The source cannot be read: ${word}`, {
    advice: 'Nothing was imported. It takes a user who may read all tables (or files) of NanoMDM.',
  });
}
