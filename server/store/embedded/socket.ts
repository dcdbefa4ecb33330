import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartupError } from '../../model/errors.ts';
import { fallbackRoot, makeFolder, nameFor, type Place } from './place.ts';

/** A socket's path may have 107 bytes on Linux and 103 on macOS, its name in the folder included. */
const longestSocketPath = 100;

/** PostgreSQL names its socket after a port, even when it listens on none. */
export const socketPort = 5432;

/**
 * The folder of the server's socket: in the data folder, or where that path is too long a short one of
 * its own, always the same for one data folder, so that a later start finds a server that still runs.
 * Made if need be, open to its owner only: who can connect is the database's owner.
 * @throws {StartupError} a folder of that name belongs to somebody else
 */
export function socketFolder(place: Place): string {
  const near = join(place.folder, 'socket');
  const folder = fits(near) ? near : farFolder(place);
  const owner = place.user?.uid ?? process.getuid?.();
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (!stats) {
    makeFolder(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
    if (place.user) chownSync(folder, place.user.uid, place.user.gid);
  } else if (!stats.isDirectory() || (stats.mode & 0o077) !== 0 || !isOurs(stats.uid, owner)) {
    throw new StartupError(
      `${folder} should be a folder that only the database's owner may enter, and is not. ` +
        'Remove it while the server is stopped.',
    );
  } else if (place.user && stats.uid === 0) {
    // Made by root in a start that ended before the next line.
    chownSync(folder, place.user.uid, place.user.gid);
  }
  return folder;
}

function farFolder(place: Place): string {
  const name = `s-${nameFor(place.folder)}`;
  // /tmp, not $TMPDIR: the next start may have another environment, and must look in the same place.
  return process.getuid?.() === 0 ? join(fallbackRoot, name) : join('/tmp', `graphmdm-${name}`);
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${socketPort}.lock`)) <= longestSocketPath;
}

function isOurs(uid: number, owner: number | undefined): boolean {
  return uid === owner || (uid === 0 && process.getuid?.() === 0);
}
