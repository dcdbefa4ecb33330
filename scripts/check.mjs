// Everything that can be said of the code without running it: `npm run check`, or some of its steps by
// name: `npm run check -- types lint`. Two steps at a time; one line for each, and the whole output of
// those that failed.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const atOnce = 2;

/** A package's program as a file, so that no shell and no PATH is needed to run it. */
function program(packageName, name = packageName) {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
}

/** A script of ours in TypeScript. */
function script(name, ...args) {
  return ['--import', 'tsx', join('scripts', name), ...args];
}

const documents = readdirSync(join(root, 'scripts')).filter((name) => /^docs-.*\.ts$/.test(name));

/** The longest first, so that the last ones fill the gaps. */
const steps = [
  { name: 'types', run: [program('typescript', 'tsc'), '--noEmit'] },
  { name: 'lint', run: [program('oxlint'), '--type-aware'] },
  { name: 'unused', run: [program('knip'), '--no-config-hints', '--no-progress'] },
  { name: 'sdl', run: script('sdl.ts', '--check') },
  { name: 'sdl changes', run: script('sdl-changes.ts') },
  { name: 'catalogue', run: script('catalogue.ts', '--check') },
  ...documents.map((file) => ({
    name: file.slice(0, -'.ts'.length).replace('-', ' '),
    run: script(file, '--check'),
  })),
  { name: 'rooms', run: script('rooms.ts') },
  {
    name: 'format',
    run: [program('@biomejs/biome', 'biome'), 'format', '--reporter=summary'],
  },
  { name: 'lock file', run: [join('scripts', 'complete-lock.mjs'), '--check'] },
  { name: 'lock file addresses', check: lockFileNamesNoRegistry },
];

/** A lock file with addresses would bind everybody to the registry of whoever wrote it. */
function lockFileNamesNoRegistry() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([, { resolved, link }]) => resolved !== undefined && link !== true)
    .map(([name, { resolved }]) => `${name} is bound to ${resolved}`)
    .join('\n');
}

/** Runs a step. @returns what it had to say when it failed, else null */
function outcome({ run, check }) {
  if (check) return Promise.resolve(check() || null);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, run, {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const parts = [];
    child.stdout.on('data', (part) => parts.push(part));
    child.stderr.on('data', (part) => parts.push(part));
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      const text = Buffer.concat(parts).toString('utf8').trim();
      resolve(code === 0 ? null : text || `ended with ${signal ?? `status ${code}`}`);
    });
  });
}

/**
 * Types and lint want what is generated. `npm ci` has made it, a bare checkout has none; the documents'
 * types are made anew each time, because every test may have a new one.
 */
function generate() {
  const made = existsSync(join(root, 'generated', 'prisma', 'client.ts'));
  const run = made
    ? [program('@graphql-codegen/cli', 'graphql-codegen'), '--config', 'codegen.ts']
    : [join('scripts', 'build.mjs')];
  const { status, stdout, stderr } = spawnSync(process.execPath, run, {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stdout.write(`${stdout}${stderr}\nChecks: what they need could not be generated.\n`);
  process.exit(1);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  const names = steps.map(({ name }) => name).join(', ');
  process.stderr.write(`There is no step ${unknown.join(', ')}. There are: ${names}.\n`);
  process.exit(1);
}
const chosen = steps.filter(({ name }) => wanted.length === 0 || wanted.includes(name));

generate();
const started = performance.now();
const failures = [];
const waiting = [...chosen];
async function work() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const began = performance.now();
    const said = await outcome(step);
    process.stdout.write(
      `${said === null ? 'ok    ' : 'FAILED'}  ${step.name}  ${seconds(began)}\n`,
    );
    if (said !== null) failures.push({ name: step.name, said });
  }
}
await Promise.all(Array.from({ length: atOnce }, work));
for (const { name, said } of failures) process.stdout.write(`\n--- ${name}\n${said}\n`);
process.stdout.write(
  `\nChecks: ${chosen.length - failures.length} ok, ${failures.length} failed, ${seconds(started)}.\n`,
);
process.exitCode = failures.length === 0 ? 0 : 1;
