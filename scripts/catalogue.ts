/**
 * Makes `server/catalogue/facts` from a copy of Apple's device management schema.
 *
 *     tsx scripts/catalogue.ts [--check] [folder of the schema]
 *
 * `--check` writes nothing and ends with status 1 when the data are not what the schema gives. Without
 * the schema there is nothing to compare with: it says so and ends with status 0.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printCatalogue } from './catalogue/print.ts';
import { readCatalogue } from './catalogue/read.ts';

const folder = fileURLToPath(new URL('../server/catalogue/facts/', import.meta.url));
const beside = fileURLToPath(new URL('../../shared/apple-device-management', import.meta.url));
const args = process.argv.slice(2);
const check = args.includes('--check');
const root = args.find((arg) => !arg.startsWith('--')) ?? beside;

function committed(name: string): string | undefined {
  return existsSync(folder + name) ? readFileSync(folder + name, 'utf8') : undefined;
}

if (!existsSync(root)) {
  console.log(`catalogue: not compared, there is no schema at ${root}`);
  process.exitCode = check ? 0 : 1;
} else {
  const files = printCatalogue(readCatalogue(root));
  const stale = files.filter(({ name, text }) => committed(name) !== text);
  if (!check) {
    mkdirSync(folder, { recursive: true });
    for (const { name, text } of stale) writeFileSync(folder + name, text);
    console.log(`catalogue: ${stale.length} of ${files.length} files written from ${root}`);
  } else if (stale.length > 0) {
    const names = stale.map(({ name }) => name).join(', ');
    console.error(`catalogue: ${names} differ from ${root}; run npx tsx scripts/catalogue.ts`);
    process.exitCode = 1;
  } else {
    console.log(`catalogue: compared with ${root}, nothing differs`);
  }
}
