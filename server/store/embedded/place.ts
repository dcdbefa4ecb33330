import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StartupError } from '../../model/errors.ts';
import { canEnter, childUser, type SystemUser } from './user.ts';

/** Where the embedded server's files are, and whom it runs as. */
export interface Place {
  /** Holds the programs, the database and usually the socket. */
  readonly folder: string;
  /** PostgreSQL's own data folder. */
  readonly database: string;
  /** Null: the user of this process. */
  readonly user: SystemUser | null;
  /** Set when the files could not be where the operator wanted them: the wanted folder. */
  readonly insteadOf: string | null;
}

/** Where files go that the child's user could not reach in the data folder. */
export const fallbackRoot = '/var/lib/graphmdm';

/**
 * Decides where the embedded server lives: in the data folder, or, when this process is root and the
 * child's user cannot get there (a folder below /root, say), under `/var/lib/graphmdm`.
 * Makes the folder. A database that exists is never passed over for a new, empty one.
 * @throws {StartupError} the folder cannot be made or written, or a database in it cannot be reached
 */
export function findPlace(dataDir: string, root = fallbackRoot): Place {
  const wanted = makeFolder(resolve(dataDir));
  const here = placeIn(wanted, null);
  if (here.user === null || canEnter(here.user, wanted)) {
    if (here.user === null || existsSync(here.database)) return here;
    const other = placeIn(fallbackFolder(wanted, root), wanted);
    return existsSync(other.database) ? other : here;
  }
  if (existsSync(here.database)) {
    throw new StartupError(
      `The database in ${here.database} exists, but PostgreSQL cannot run as root and ` +
        `${here.user.name} cannot enter ${wanted}. Let others pass through the folders above it ` +
        '(chmod o+x), move it with --data-dir, or set DATABASE_URL to a PostgreSQL server.',
    );
  }
  const folder = makeFolder(fallbackFolder(wanted, root));
  const there = placeIn(folder, wanted);
  if (there.user !== null && !canEnter(there.user, folder)) {
    throw new StartupError(
      `PostgreSQL cannot run as root, and ${there.user.name} can enter neither ${wanted} nor ` +
        `${folder}. Give --data-dir a folder that everybody may pass through, run as another user, ` +
        'or set DATABASE_URL to a PostgreSQL server.',
    );
  }
  return there;
}

/** A short name that is always the same for one folder. */
export function nameFor(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 16);
}

function fallbackFolder(wanted: string, root: string): string {
  return join(root, nameFor(wanted));
}

function placeIn(folder: string, insteadOf: string | null): Place {
  const database = join(folder, 'database');
  return { folder, database, user: childUser(database), insteadOf };
}

/** Makes the folder and every missing one above it, and tries whether it can be written. */
export function makeFolder(folder: string): string {
  try {
    makeMissing(folder);
    const probe = join(folder, `.write-test-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe, { force: true });
    return realpathSync(folder);
  } catch (error) {
    throw new StartupError(
      `The data folder ${folder} cannot be written (${error instanceof Error ? error.message : 'unknown reason'}). ` +
        'Give --data-dir a folder that can be, or set DATABASE_URL to a PostgreSQL server.',
    );
  }
}

function makeMissing(folder: string): void {
  if (existsSync(folder)) return;
  makeMissing(dirname(folder));
  // One by one: on file systems such as /proc, which let nobody make a folder, `recursive` tries for ever.
  try {
    mkdirSync(folder);
  } catch (error) {
    if (existsSync(folder)) return;
    throw error;
  }
  // Under root the child's user has to pass through, but has no need to look around. Said apart from
  // mkdir, which a strict umask would overrule.
  chmodSync(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
}
