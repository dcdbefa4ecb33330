import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Which rooms a room may import, its own aside. Type-only imports count. */
const mayImport: Readonly<Record<string, readonly string[] | 'everything'>> = {
  'server/model': [],
  'server/protocol': ['server/model'],
  'server/catalogue': ['server/model', 'server/protocol'],
  'server/secrets': ['server/model'],
  'server/store': ['server/model', 'server/secrets', 'generated'],
  'server/events': ['server/model', 'server/store'],
  'server/identity': ['server/model', 'server/protocol'],
  'server/apns': ['server/model'],
  'server/pki': ['server/model', 'server/protocol'],
  'server/mdm': [
    'server/model',
    'server/protocol',
    'server/catalogue',
    'server/secrets',
    'server/store',
    'server/events',
    'server/identity',
    'server/apns',
    'server/pki',
  ],
  'server/jobs': ['server/model', 'server/store'],
  'server/access': ['server/model', 'server/store', 'server/secrets'],
  schema: [
    'server/model',
    'server/catalogue',
    'server/store/read',
    'server/events',
    'server/mdm',
    'server/access',
    'generated',
  ],
  'server/graphql': ['server/model', 'schema', 'server/access'],
  'server/http': [
    'server/model',
    'server/protocol',
    'server/identity',
    'server/pki',
    'server/mdm',
    'server/access',
    'server/graphql',
  ],
  'server/observe': ['server/model'],
  'server/config': ['server/model'],
  server: 'everything',
  'clients/simulator': ['server/protocol', 'server/catalogue', 'server/model', 'generated'],
  'clients/sdk': ['generated'],
  'clients/cli': ['clients/sdk', 'generated'],
  'clients/webhook': ['clients/sdk', 'generated'],
  'clients/dashboard': ['clients/sdk', 'generated'],
  scripts: 'everything',
  test: 'everything',
};

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function roomOf(file: string): string {
  const parts = file.split(sep);
  if (parts[0] === 'server') return parts.length > 2 ? `server/${parts[1]}` : 'server';
  if (parts[0] === 'clients') return `clients/${parts[1]}`;
  return parts[0] ?? file;
}

function importsOf(file: string): { line: number; target: string }[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    target: relative(root, resolve(join(root, dirname(file)), match[1] ?? '')),
  }));
}

const files = ['server', 'schema', 'clients', 'scripts'].flatMap(sources);

describe('the rooms', () => {
  it('are all in the table', () => {
    expect(files.map(roomOf).filter((room) => !(room in mayImport))).toEqual([]);
  });

  it('import only what the table allows', () => {
    const wrong = files.flatMap((file) => {
      const room = roomOf(file);
      const allowed = mayImport[room] ?? [];
      if (allowed === 'everything') return [];
      return importsOf(file)
        .filter(({ target }) => roomOf(target) !== room)
        .filter(({ target }) => !allowed.some((one) => target === one || target.startsWith(`${one}/`)))
        .map(({ line, target }) => `${file}:${line} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('have no cycle between files', () => {
    const graph = new Map(files.map((file) => [file, importsOf(file).map(({ target }) => target)]));
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
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('keep SQL in the store', () => {
    const sql = /\b(insert into|delete from|select [\w*][^'"`]* from|update \w+ set)\b/i;
    const wrong = files
      .filter((file) => !file.startsWith(join('server', 'store')) && !file.startsWith('scripts'))
      .filter((file) => sql.test(readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')));
    expect(wrong).toEqual([]);
  });
});
