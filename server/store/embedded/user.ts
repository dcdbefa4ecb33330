import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';

/** The system user PostgreSQL's child runs as. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** The numbers that `nobody` has on nearly every Linux, for systems without `id`. */
const usualNobody = 65_534;

/**
 * Whom the child runs as: PostgreSQL refuses root, so under root it is the owner of the database that
 * is there already, else `nobody`. Null: the user this process runs as.
 */
export function childUser(database: string): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const owner = ownerOf(database);
  if (owner && owner.uid !== 0) return { ...owner, name: `user ${owner.uid}` };
  return { uid: idOf('-u'), gid: idOf('-g'), name: 'nobody' };
}

/** Whether the user can enter the folder, asked of the system itself: it knows about ACLs and mounts. */
export function canEnter(user: SystemUser, folder: string): boolean {
  const result = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], {
    uid: user.uid,
    gid: user.gid,
    cwd: '/',
    env: {},
    stdio: 'ignore',
  });
  return result.status === 0;
}

function ownerOf(folder: string): { uid: number; gid: number } | null {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats ? { uid: stats.uid, gid: stats.gid } : null;
}

function idOf(option: '-u' | '-g'): number {
  const { stdout, status } = spawnSync('id', [option, 'nobody'], { encoding: 'utf8' });
  const id = Number.parseInt(stdout ?? '', 10);
  // macOS gives nobody the number -2, which the system calls want as an unsigned one.
  return status === 0 && Number.isInteger(id) ? id >>> 0 : usualNobody;
}
