// Completes package-lock.json: npm leaves out of it the packages for other systems that it did not find
// when the lock was written (npm/cli#4828), and `npm ci` then refuses the lock everywhere. Run it after
// `npm install`; with --check it only says what is missing. `npm ci` fetches none of what is added, but
// on the systems that these packages are for.

import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** What a package is for, by its name: `@scope/binding-linux-x64-musl`. */
function platformOf(name) {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  if (!os || !cpu) throw new Error(`${name} is missing, and its name tells no platform`);
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
  return { cpu: [cpu], ...(os === 'linux' && { libc: [libc] }), os: [os] };
}

const missing = Object.entries(lock.packages).flatMap(([where, parent]) =>
  Object.entries(parent.optionalDependencies ?? {})
    .filter(([name]) => !lock.packages[`node_modules/${name}`])
    .filter(([name]) => !lock.packages[`${where}/node_modules/${name}`])
    .map(([name, version]) => ({ name, version, parent })),
);

if (process.argv.includes('--check')) {
  for (const { name } of missing) console.error(`${name} is not in package-lock.json`);
  if (missing.length > 0) console.error('Run node scripts/complete-lock.mjs.');
  process.exitCode = missing.length > 0 ? 1 : 0;
} else {
  const added = missing.map(({ name, version, parent }) => {
    const { cpu, libc, os } = platformOf(name);
    const entry = {
      version,
      cpu,
      ...(parent.dev && { dev: true }),
      ...(libc && { libc }),
      license: parent.license,
      optional: true,
      os,
      ...(parent.engines && { engines: parent.engines }),
    };
    return [`node_modules/${name}`, entry];
  });
  const all = [...Object.entries(lock.packages), ...added];
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`Added ${added.length} packages for other systems.`);
}
