import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { inject } from 'vitest';
import { root } from './root.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where this run's build of the program is, once a test has asked for it. */
    built: string;
  }
}

/** Stands in the folder when the build is whole; `failed` when nothing came out. */
const marks = { ready: 'ready', failed: 'failed' } as const;

const notBuilt = 'The program could not be built for the tests: see `npm run build`.';

// A file that starts processes waits for the build while it is loaded, which no test's time-out counts.
const folder = await theBuild();

/**
 * A program of the build, such as `server/main.js`. The program is built as it is now into a folder of its
 * own, once for the run, by the first test file that needs it: a process starts from it in a third of the
 * time that its sources take.
 */
export function builtProgram(name: string): string {
  return join(folder, 'dist', name);
}

/** Copies the built package, for a test that changes it. */
export function copyPackage(to: string): void {
  cpSync(join(folder, 'dist'), join(to, 'dist'), { recursive: true });
  layOutPackage(to);
}

/** Builds the program where nobody has in this run, and otherwise waits until it stands. */
async function theBuild(): Promise<string> {
  const built = inject('built');
  const isFirst = mkdirSync(built, { recursive: true }) !== undefined;
  if (isFirst) {
    layOutPackage(built);
    await compile(join(built, 'dist'));
    const isWhole = existsSync(join(built, 'dist', 'server', 'main.js'));
    writeFileSync(join(built, isWhole ? marks.ready : marks.failed), '');
  }
  while (!existsSync(join(built, marks.ready))) {
    if (existsSync(join(built, marks.failed))) throw new Error(notBuilt);
    await setTimeout(50);
  }
  return built;
}

/** Types are not judged here, which makes it four times as fast and changes nothing of what comes out. */
async function compile(dist: string): Promise<void> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const child = spawn(
    process.execPath,
    [tsc, '-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', dist],
    { cwd: root, stdio: 'ignore' },
  );
  await once(child, 'exit');
}

/** All that `npm start` needs but what a build makes. */
export function layOutPackage(folder: string): void {
  mkdirSync(join(folder, 'scripts'));
  for (const file of ['package.json', 'scripts/start.mjs']) {
    copyFileSync(join(root, file), join(folder, file));
  }
  for (const name of ['node_modules', 'prisma']) symlinkSync(join(root, name), join(folder, name));
}
