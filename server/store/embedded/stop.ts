import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../model/log.ts';
import { readLock } from './address.ts';
import type { Attached } from './attach.ts';
import { childEnvironment } from './environment.ts';
import { isLastUser } from './join.ts';
import { layOut } from './layout.ts';
import { findPostgresPackage } from './package.ts';
import type { Place } from './place.ts';

/** How long a clean end may take: the last checkpoint writes everything, which can be much. */
const longestStop = 60_000;

/**
 * Leaves the server, and stops it when nobody else uses it: also one that an earlier process started,
 * so that none is left behind. Returns when it has ended cleanly.
 */
export async function stopServer(
  place: Place,
  { keeper, child }: Attached,
  log: Log,
): Promise<void> {
  const last = await isLastUser(keeper).catch(() => false);
  const lock = await readLock(place);
  if (last && lock && (child?.pid === lock.pid || (await isItsServer(lock.pid, place)))) {
    await endServer(lock.pid, place);
    if (await hasEnded(lock.pid, place)) {
      await child?.ended;
    } else {
      log.warn(
        { pid: lock.pid },
        'the embedded database is still busy stopping; it will finish alone',
      );
    }
  } else {
    log.info({}, 'the embedded database goes on: another process uses it');
  }
  child?.letGo();
  await keeper.end().catch(() => {});
}

/**
 * Whether the process is the server on this folder. The number in the lock file is not enough: after a
 * crash, or seen from another container, it may by now be anybody's.
 */
async function isItsServer(pid: number, { database }: Place): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return words.split('\0').includes(database);
}

/** Fast shutdown: transactions are broken off, connections closed, everything written (SIGINT). */
async function endServer(pid: number, place: Place): Promise<void> {
  if (process.platform !== 'win32') {
    process.kill(pid, 'SIGINT');
    return;
  }
  // Windows has no signals; PostgreSQL's own tool knows another way. Untested.
  const programs = await layOut(findPostgresPackage(), place.folder);
  const words = ['stop', '-D', place.database, '-m', 'fast', '-W'];
  const tool = spawn(join(programs, 'bin', 'pg_ctl'), words, {
    env: childEnvironment(),
    stdio: 'ignore',
    windowsHide: true,
  });
  await once(tool, 'close');
}

async function hasEnded(pid: number, place: Place): Promise<boolean> {
  for (const until = Date.now() + longestStop; Date.now() < until; await delay(10)) {
    // PostgreSQL takes its lock file away last. Another number in it is already the next server's.
    if ((await readLock(place))?.pid !== pid) return true;
  }
  return false;
}
