import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Series } from './series.ts';
import { markdownOf, summarize } from './summary.ts';

/**
 * Writes medians with their spread as a Markdown table to standard output, and, when `folder` is named,
 * into it, with a chart and the figures as JSON.
 * @returns whether every round was valid
 */
export function report(
  title: string,
  series: readonly Series[],
  pairs: readonly (readonly [number, number])[],
  folder: string | null,
): boolean {
  const summary = summarize(title, series, pairs);
  const text = markdownOf(summary);
  process.stdout.write(`${text}\n`);
  if (folder !== null) {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, title.replaceAll(/[^\w.]+/g, '-'));
    writeFileSync(`${file}.md`, text);
    writeFileSync(`${file}.svg`, chartOf(title, series));
    writeFileSync(`${file}.json`, `${JSON.stringify({ summary, series }, null, 2)}\n`);
  }
  return summary.problems.length === 0;
}
