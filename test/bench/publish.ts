import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measuredSchema } from './measured.ts';

/** Where `npm run docs` takes it from. */
const published = 'docs/measured';

/** Puts what was measured where the documentation takes it from; what is invalid stays out. */
export function publish(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options: { folder: { type: 'string' } } });
  const from = values.folder ?? '.';
  mkdirSync(published, { recursive: true });
  for (const file of readdirSync(from).filter((name) => name.endsWith('.json'))) {
    const measured = measuredSchema.parse(JSON.parse(readFileSync(join(from, file), 'utf8')));
    if (measured.problems.length > 0) {
      process.stderr.write(`${file} is invalid and left out: ${measured.problems.join('; ')}\n`);
      continue;
    }
    // Every round's figures are too much to keep.
    const kept = { ...measured, series: undefined };
    writeFileSync(join(published, file), `${JSON.stringify(kept, null, 2)}\n`);
    const chart = file.replace(/json$/, 'svg');
    if (existsSync(join(from, chart))) copyFileSync(join(from, chart), join(published, chart));
  }
}
