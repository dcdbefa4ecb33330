import { writeFileSync } from 'node:fs';
import { chartOf } from './chart.ts';
import { writeMeasured } from './measured.ts';
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
  const { problems, rows, ratios } = summarize(title, series, pairs);
  const markdown = markdownOf({ title, problems, rows, ratios });
  process.stdout.write(`${markdown}\n`);
  if (folder !== null) {
    const file = writeMeasured(folder, { title, markdown, problems, rows, ratios, series });
    writeFileSync(`${file}.md`, markdown);
    writeFileSync(`${file}.svg`, chartOf(title, series));
  }
  return problems.length === 0;
}
