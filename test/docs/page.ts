import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../server/store/package-root.ts';

/** A page of `docs/` and what it shows. */
export interface Page {
  readonly text: string;
  /** Its GraphQL operations by their names. */
  readonly operations: ReadonlyMap<string, string>;
  /** Its blocks of another language, in their order. */
  blocks(language: string): readonly string[];
}

export function readPage(name: string): Page {
  const text = readFileSync(join(packageRoot(), 'docs', name), 'utf8');
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
      ([, block = '']) => block,
    );
  return {
    text,
    operations: new Map(
      blocks('graphql').map((block) => [/^\w+ (\w+)/.exec(block)?.[1] ?? '', block]),
    ),
    blocks,
  };
}
