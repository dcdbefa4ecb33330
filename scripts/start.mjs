// What `npm start` runs: the built server, in this very process, so that signals and flags reach it.
// It never builds; it says what to do when there is nothing to run.

import { existsSync } from 'node:fs';

const main = new URL('../dist/server/main.js', import.meta.url);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`graphmdm needs Node 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}
if (!existsSync(main)) {
  process.stderr.write(
    'There is no dist/ to start. Run `npm run build` first (npm ci does it too).\n',
  );
  process.exit(1);
}
await import(main.href);
