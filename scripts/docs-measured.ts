import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measuredSchema } from '../test/bench/measured.ts';

// Writes docs/measured.md from what `npm run bench publish` put into docs/measured; with --check it only says
// whether that is needed. Run from the package's root.

const file = 'docs/measured.md';
const folder = 'docs/measured';

const names = existsSync(folder) ? readdirSync(folder).toSorted() : [];
const parts = names
  .filter((name) => name.endsWith('.json'))
  .map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const { title, date, machine, markdown } = measuredSchema.parse(JSON.parse(text));
    const chart = name.replace(/json$/, 'svg');
    const picture = names.includes(chart) ? `\n![${title}](measured/${chart})\n` : '';
    return `${markdown}${picture}\n${date}, ${machine}.\n`;
  });
const page =
  parts.length === 0
    ? null
    : `# Measured\n
Medians of the rounds, with the least and the most in brackets. Ratios are taken round by round. What each
benchmark does, and how to repeat it, is in [performance.md](performance.md).\n
${parts.join('\n')}`;

const there = existsSync(file) ? readFileSync(file, 'utf8') : null;
if (process.argv.includes('--check')) {
  if (there !== page) {
    process.stderr.write(`${file} is not what was measured: run npm run docs\n`);
    process.exitCode = 1;
  }
} else if (page === null) rmSync(file, { force: true });
else writeFileSync(file, page);
