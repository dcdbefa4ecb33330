import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Figures } from './measure.ts';
import { median, type Series } from './series.ts';

type Measured = {
  readonly [Key in keyof Figures as Figures[Key] extends number ? Key : never]: number;
};
type Column = keyof Measured;

const columns: readonly (readonly [key: Column, title: string, digits: number])[] = [
  ['perSecond', 'requests/s', 0],
  ['serverMs', 'server ms/req', 3],
  ['databaseMs', 'PostgreSQL ms/req', 3],
  ['p50', 'p50 ms', 1],
  ['p95', 'p95 ms', 1],
  ['p99', 'p99 ms', 1],
  ['statements', 'statements/req', 2],
  ['pages', 'pages/req', 1],
  ['walBytes', 'WAL bytes/req', 0],
  ['memoryMb', 'memory MB', 0],
  ['load', 'load generator', 2],
];

/**
 * Writes medians with their spread as a Markdown table, and a chart beside it; to standard output and,
 * when `folder` is named, into it.
 * @returns whether every round was valid
 */
export function report(name: string, series: readonly Series[], folder: string | null): boolean {
  const head = ['', ...columns.map(([, title]) => title)];
  const rows = series.map(({ name: who, rounds }) => [
    who,
    ...columns.map(([key, , digits]) =>
      withSpread(
        rounds.map((one) => one[key]),
        digits,
      ),
    ),
  ]);
  const [first, ...others] = series;
  const ratios = others.map((other) => [
    `ratio to ${other.name}`,
    ...columns.map(([key]) => {
      const ratio =
        median((first?.rounds ?? []).map((one) => one[key])) /
        median(other.rounds.map((one) => one[key]));
      return Number.isFinite(ratio) ? `${ratio.toFixed(2)} x` : '';
    }),
  ]);
  const lines = [head, head.map(() => '---'), ...rows, ...ratios];
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const text = `## ${name}\n\n${table}\n`;
  process.stdout.write(`${text}\n`);
  if (folder !== null) {
    mkdirSync(folder, { recursive: true });
    const file = name.replaceAll(/[^\w.]+/g, '-');
    writeFileSync(join(folder, `${file}.md`), text);
    writeFileSync(join(folder, `${file}.svg`), chartOf(name, series));
    writeFileSync(join(folder, `${file}.json`), JSON.stringify(series, null, 2));
  }
  return series.every(({ rounds }) => rounds.every(({ problems }) => problems.length === 0));
}

function withSpread(values: readonly number[], digits: number): string {
  const middle = median(values);
  if (Number.isNaN(middle)) return '';
  const text = middle.toFixed(digits);
  if (values.length < 2) return text;
  return `${text} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}
