import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether there is a process with this id that has not ended (a zombie has). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !(process.platform === 'linux' && /^\S+ \(.*\) [ZX]/s.test(statOf(pid) ?? ''));
}

/** A process and all that descend from it; without `/proc` only itself. */
export function withDescendants(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of existsSync('/proc/self/stat') ? readdirSync('/proc') : []) {
    const [, parent] = /^\d+ \(.*\) \S (\d+)/s.exec(statOf(Number(name)) ?? '') ?? [];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = [pid];
  for (const one of found) {
    for (const [child, parent] of parents) if (parent === one) found.push(child);
  }
  return found;
}

/** The PostgreSQL servers whose databases lie in this folder, as their lock files tell. */
export function postmastersBelow(folder: string): readonly number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'postmaster.pid')
    .map((entry) => postmasterIn(entry.parentPath))
    .filter((pid) => pid !== null);
}

/** The running PostgreSQL server that has this database, or null. */
export function postmasterIn(database: string): number | null {
  const file = join(database, 'postmaster.pid');
  if (!existsSync(file)) return null;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return pid > 1 && isRunning(pid) ? pid : null;
}

/** SIGKILL to all of them in this order, and comes back when they are gone. */
export async function killProcesses(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
  while (pids.some(isRunning)) await new Promise((resolve) => setImmediate(resolve));
}

function statOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
}
