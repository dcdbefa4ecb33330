import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayImport } from './table.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An import of another file of ours. */
export interface Import {
  readonly line: number;
  /** From the root. */
  readonly target: string;
}

/** All sources that the table of rooms is about, from the root. */
export const sources: readonly string[] = ['server', 'schema', 'clients', 'scripts'].flatMap(
  (folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
);

/** The room that a file is in: `server/store`, `schema`, …; files right below `server` are `server`. */
export function roomOf(file: string): string {
  const [first = file, second = '', ...rest] = file.split(sep);
  if (first === 'server') return rest.length > 0 ? `server/${second}` : 'server';
  return first === 'clients' ? `clients/${second}` : first;
}

/** What a file's text imports by relative paths: statements, re-exports, `import()`, types. */
export function importsIn(file: string, text: string): readonly Import[] {
  const quoted = /(?:\bfrom|\bimport)\s*\(?\s*(['"])(\.{1,2}\/[^'"]+)\1/g;
  return [...text.matchAll(quoted)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    target: relative(root, resolve(root, dirname(file), match[2] ?? '')),
  }));
}

/** Whether the table lets a file import another. */
export function isAllowed(file: string, target: string): boolean {
  const room = roomOf(file);
  const allowed = mayImport[room] ?? [];
  if (allowed === 'everything' || roomOf(target) === room) return true;
  return allowed.some((one) => target.startsWith(join(one, sep)));
}

/** Files in a room that the table does not know. */
export function unknownRooms(): readonly string[] {
  return sources.filter((file) => !(roomOf(file) in mayImport));
}

/** Imports that the table does not allow, each as `file:line imports target`. */
export function forbiddenImports(): readonly string[] {
  return sources.flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => !isAllowed(file, target))
      .map(({ line, target }) => `${file}:${line} imports ${target}`),
  );
}

/** Files that import each other in a circle, each circle as `a -> b -> a`. */
export function importCycles(): readonly string[] {
  const graph = new Map(sources.map((file) => [file, importsOf(file).map(({ target }) => target)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
  return cycles;
}

/** Files outside the store that hold SQL; what stands in comments does not count. */
export function misplacedSql(): readonly string[] {
  const sql = /\b(insert into|delete from|select [\w*][^'"`]* from|update \w+ set)\b/i;
  return sources
    .filter((file) => !file.startsWith(join('server', 'store', sep)) && !isOurOwn(file))
    .filter((file) => sql.test(read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')));
}

/** The importer reads another program's tables: of ours it knows nothing. */
function isOurOwn(file: string): boolean {
  return roomOf(file) === 'scripts' || file.startsWith(join('clients', 'cli', 'nanomdm', sep));
}

function importsOf(file: string): readonly Import[] {
  return importsIn(file, read(file));
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
