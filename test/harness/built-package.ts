import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.ts';

/**
 * Builds the program as it is now into a folder of its own, where `npm start` works as it does for an
 * operator: tests must neither need nor replace the `dist/` that somebody may be running.
 * @throws when nothing comes out; types are not judged here
 */
export function buildPackage(folder: string): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = spawnSync(
    process.execPath,
    [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')],
    { cwd: root, encoding: 'utf8' },
  );
  if (!existsSync(join(folder, 'dist', 'server', 'main.js'))) throw new Error(stdout);
  layOutPackage(folder);
}

/** All that `npm start` needs but what a build makes. */
export function layOutPackage(folder: string): void {
  mkdirSync(join(folder, 'scripts'));
  for (const file of ['package.json', 'scripts/start.mjs']) {
    copyFileSync(join(root, file), join(folder, file));
  }
  for (const name of ['node_modules', 'prisma']) symlinkSync(join(root, name), join(folder, name));
}
