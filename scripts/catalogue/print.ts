import type { Catalogue } from './read.ts';

/** How each list is kept: file, name of its constant, and type of its entries. */
const files = [
  ['commands', 'commands', 'MessageDefinition'],
  ['checkIns', 'check-ins', 'MessageDefinition'],
  ['profiles', 'profiles', 'PayloadDefinition'],
  ['declarations', 'declarations', 'DeclarationDefinition'],
  ['statusItems', 'status-items', 'PayloadDefinition'],
  ['errors', 'errors', 'PayloadDefinition'],
  ['documents', 'documents', 'PayloadDefinition'],
] as const;

function field(name: string, value: string): string {
  return `${/^[\w$]+$/.test(name) ? name : quote(name)}:${value}`;
}

function quote(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inner}'`;
}

/** A list of objects is broken, one line for each; all else stays on its line. */
function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) {
    if (value.length === 0 || typeof value[0] !== 'object') {
      return `[${value.map((item) => literal(item, indent)).join(',')}]`;
    }
    const lines = value.map((item) => `\n${indent} ${literal(item, `${indent} `)},`);
    return `[${lines.join('')}\n${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, item]) => field(name, literal(item, indent)));
    return `{${fields.join(',')}}`;
  }
  return String(value);
}

/** The catalogue's data files: name (without folder) and text, the same for the same facts. */
export function printCatalogue(catalogue: Catalogue): { name: string; text: string }[] {
  return files.map(([list, stem, type]) => ({
    name: `${stem}.ts`,
    text: [
      "// Made by scripts/catalogue.ts from Apple's device management schema; not to be edited.",
      '// biome-ignore-all format: one line for each key, so that changes read well.',
      `import type { ${type} } from '../definition.ts';`,
      '',
      `export const ${list}Data: readonly ${type}[] = ${literal(catalogue[list], '')};`,
      '',
    ].join('\n'),
  }));
}
