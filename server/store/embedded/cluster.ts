import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../../model/errors.ts';
import { childEnvironment } from './environment.ts';
import { exists, syncFolder } from './layout.ts';
import { postgresMajor } from './package.ts';
import type { Place } from './place.ts';

/** The database role that everything is done as. */
export const role = 'graphmdm';

/** Where the made password lies on systems without Unix sockets' permissions (Windows). */
export const passwordFile = (place: Place): string => join(place.folder, 'postgresql-password');

/**
 * Whether the place holds a database that this version reads.
 * @throws {StartupError} it is of another major version, or cannot be read
 */
export async function hasDatabase({ database }: Place): Promise<boolean> {
  if (!(await exists(database))) return false;
  let version: string;
  try {
    version = (await fs.readFile(join(database, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    throw new StartupError(
      `${database} is no database that can be read (${error instanceof Error ? error.message : 'unknown reason'}). ` +
        'Start as the user who made it, or give another folder with --data-dir.',
    );
  }
  if (version !== String(postgresMajor)) {
    throw new StartupError(
      `The database in ${database} belongs to PostgreSQL ${version}; this version of graphmdm runs ` +
        `PostgreSQL ${postgresMajor}. Start the version of graphmdm that made it, give another folder ` +
        'with --data-dir, or set DATABASE_URL to a PostgreSQL server.',
    );
  }
  return true;
}

/**
 * Makes the database, all or nothing: it is prepared beside its place and renamed into it. When another
 * process was quicker, its database is taken.
 */
export async function makeDatabase(place: Place, programs: string): Promise<void> {
  const draft = join(place.folder, `.database.${randomBytes(6).toString('hex')}`);
  try {
    await fs.mkdir(draft, { mode: 0o700 });
    if (place.user) await fs.chown(draft, place.user.uid, place.user.gid);
    await initialise(place, programs, draft);
    await fs.rename(draft, place.database);
    await syncFolder(place.folder);
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    if (!(await exists(join(place.database, 'PG_VERSION')))) throw error;
  }
}

async function initialise(place: Place, programs: string, draft: string): Promise<void> {
  const words = [
    `--pgdata=${draft}`,
    `--username=${role}`,
    '--encoding=UTF8',
    // Byte-wise order and no dependence on the machine's C library, whose updates reorder indexes.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
    ...(await authentication(place)),
  ];
  const { code, output } = await run(join(programs, 'bin', 'initdb'), words, place);
  if (code !== 0) throw new StartupError(cannotMake(place, programs, output));
}

/** Who can reach the socket's folder is the owner; a TCP port on Windows is reached by everybody. */
async function authentication(place: Place): Promise<string[]> {
  if (process.platform !== 'win32') return ['--auth=trust'];
  await fs.writeFile(passwordFile(place), randomBytes(24).toString('base64url'), { mode: 0o600 });
  return ['--auth=scram-sha-256', `--pwfile=${passwordFile(place)}`];
}

function cannotMake({ folder }: Place, programs: string, output: string): string {
  return (
    `The embedded PostgreSQL cannot make its database in ${folder} with the programs in ${programs}: ` +
    `${output.trim() || 'no reason given'}. Give --data-dir another folder, or set DATABASE_URL to a ` +
    'PostgreSQL server.'
  );
}

function run(
  program: string,
  words: readonly string[],
  { user, folder }: Place,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
      cwd: folder,
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
