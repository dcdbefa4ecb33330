import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Lays the package `@graphmdm/sdk` out in a folder, ready for `npm pack` and `npm publish`.
 * @throws when it does not compile, with what the compiler says
 */
export function layOutSdk(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(
    process.execPath,
    [tsc, '-p', join('clients', 'sdk'), '--outDir', join(folder, 'dist')],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stdout);
  nameEmittedFiles(join(folder, 'dist'));
  for (const [file, from] of [
    ['package.json', join('clients', 'sdk', 'package.json')],
    ['README.md', join('clients', 'sdk', 'README.md')],
    ['LICENSE', 'LICENSE'],
    ['schema.graphql', join('schema', 'schema.graphql')],
  ] as const) {
    copyFileSync(join(root, from), join(folder, file));
  }
}

/** The compiler leaves `.ts` in what declarations import, and not every tool looks for `.d.ts` there. */
function nameEmittedFiles(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.d.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/(from '\.{1,2}\/[^']+)\.ts'/g, "$1.js'"));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(root, 'dist', 'packages', 'sdk');
  layOutSdk(folder);
  process.stdout.write(`${folder}\n`);
}
