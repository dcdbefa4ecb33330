import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { root } from './root.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where this run's build of the program is, or will be. */
    built: string;
  }
}

/** Stands in the folder when the build is whole; `failed` when nothing came out. */
const marks = { ready: 'ready', failed: 'failed' } as const;

/** How long a test waits for the build, in milliseconds. */
const patience = 180_000;

/**
 * Begins to build the program as it is now into a folder of its own, once for the run and beside it:
 * a process starts from it in a third of the time that its sources take. Types are not judged here.
 * @returns stops the build, if it is still under way
 */
export function beginBuild(folder: string): () => void {
  mkdirSync(folder);
  layOutPackage(folder);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const child: ChildProcess = spawn(
    process.execPath,
    [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')],
    { cwd: root, stdio: 'ignore' },
  );
  child.once('exit', () => {
    if (!existsSync(folder)) return;
    const whole = existsSync(join(folder, 'dist', 'server', 'main.js'));
    writeFileSync(join(folder, whole ? marks.ready : marks.failed), '');
  });
  return () => child.kill();
}

/** A program of the build, such as `server/main.js`. Waits for the build, which blocks the test. */
export function builtProgram(name: string): string {
  return join(finished(), 'dist', name);
}

/** Copies the built package, for a test that changes it. */
export function copyPackage(folder: string): void {
  cpSync(join(finished(), 'dist'), join(folder, 'dist'), { recursive: true });
  layOutPackage(folder);
}

function finished(): string {
  const folder = inject('built');
  const until = Date.now() + patience;
  const turn = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(join(folder, marks.ready))) {
    if (existsSync(join(folder, marks.failed)) || Date.now() > until) {
      throw new Error('The program could not be built for the tests: see `npm run build`.');
    }
    Atomics.wait(turn, 0, 0, 50);
  }
  return folder;
}

/** All that `npm start` needs but what a build makes. */
export function layOutPackage(folder: string): void {
  mkdirSync(join(folder, 'scripts'));
  for (const file of ['package.json', 'scripts/start.mjs']) {
    copyFileSync(join(root, file), join(folder, file));
  }
  for (const name of ['node_modules', 'prisma']) symlinkSync(join(root, name), join(folder, name));
}
