import { readFileSync, writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from '../schema/schema.ts';

// Writes the graph's SDL to schema/schema.graphql, which is committed so that every change of the
// contract shows in a diff. With --check it only compares.

const file = new URL('../schema/schema.graphql', import.meta.url);
const sdl = `${printSchema(lexicographicSortSchema(schema))}\n`;

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== sdl) {
    console.error('schema/schema.graphql is not the graph that the code makes: run npm run sdl.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, sdl);
}
