// Builds `dist/`: Prisma's client and Pothos' types, typed GraphQL documents, then TypeScript.
// Plain JavaScript, because `npm ci` runs it (through `prepare`) before anything is compiled.
// Says nothing but one line when all is well, and shows a step's whole output when it fails.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

/** A package's program as a file, so that no shell and no PATH is needed to run it. */
function program(packageName, name) {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
}

/** Prisma finds its generators by name, also when this file was not started by npm. */
const searchPath = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env['PATH'] ?? ''}`;

const steps = [
  {
    name: 'Prisma client and Pothos types',
    needs: 'prisma/schema.prisma',
    run: () => [program('prisma', 'prisma'), 'generate', '--no-hints'],
    env: {
      // Generating needs no schema engine, but without the name of an existing file Prisma downloads
      // one: the build must work with no network but the package registry.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  },
  {
    name: 'typed GraphQL documents',
    needs: 'codegen.ts',
    run: () => [program('@graphql-codegen/cli', 'graphql-codegen'), '--config', 'codegen.ts'],
    env: {},
  },
  {
    name: 'TypeScript',
    needs: 'tsconfig.build.json',
    before: () => rmSync(join(root, 'dist'), { recursive: true, force: true }),
    run: () => [program('typescript', 'tsc'), '-p', 'tsconfig.build.json'],
    env: {},
    // npm does so with what it installs, but nobody does with what is built later.
    after: () => chmodSync(join(root, 'dist', 'clients', 'cli', 'main.js'), 0o755),
  },
];

const started = Date.now();
for (const { name, needs, before, run, env, after } of steps) {
  if (!existsSync(join(root, needs))) continue;
  before?.();
  const result = spawnSync(process.execPath, run(), {
    cwd: root,
    env: { ...process.env, PATH: searchPath, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    if (result.error) process.stderr.write(`${result.error.message}\n`);
    process.stderr.write(`\nBuild failed: ${name}.\n`);
    process.exit(1);
  }
  after?.();
}
process.stdout.write(`Built dist/ in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
