import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** What a benchmark leaves behind for the documentation; further fields are for who wants the figures. */
export const measuredSchema = z.looseObject({
  title: z.string(),
  date: z.string(),
  machine: z.string(),
  markdown: z.string(),
  problems: z.array(z.string()),
});

interface Found {
  readonly title: string;
  readonly markdown: string;
  readonly problems: readonly string[];
  readonly [more: string]: unknown;
}

/** Writes it as JSON into a folder, which is made if need be. @returns the file, without its extension */
export function writeMeasured(folder: string, found: Found): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, found.title.replaceAll(/[^\w.]+/g, '-'));
  const processors = cpus();
  const made = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} x ${processors[0]?.model ?? 'unknown'}, Node ${process.version}`,
    ...found,
  };
  writeFileSync(`${file}.json`, `${JSON.stringify(made)}\n`);
  return file;
}
