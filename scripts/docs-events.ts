import { readFileSync, writeFileSync } from 'node:fs';
import { type GraphQLField, isInterfaceType, isObjectType } from 'graphql';
import { eventTypeName } from '../schema/event.ts';
import { schema } from '../schema/schema.ts';
import { eventLinks } from '../server/model/event-links.ts';
import { type EventType, eventTypes } from '../server/model/events.ts';

// Writes the tables of docs/events.md from the schema; what is around them is written by hand. With
// --check it only says whether that is needed. Run from the package's root.

const file = 'docs/events.md';

const before = readFileSync(file, 'utf8');
const after = [
  ['fields', fieldsTable()],
  ['kinds', kindsTable()],
].reduce((text, [name = '', table = '']) => filled(text, name, table), before);

if (process.argv.includes('--check')) {
  if (before !== after) {
    process.stderr.write(`${file} is not what the schema makes; run scripts/docs-events.ts.\n`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, after);
}

/** What every event has. */
function fieldsTable(): string {
  const rows = fieldsOf('Event').map(
    ({ name, type, description }) => `| \`${name}\` | \`${String(type)}\` | ${description ?? ''} |`,
  );
  return ['| Field | Type | What it is |', '|---|---|---|', ...rows].join('\n');
}

/** A row for each kind of event. */
function kindsTable(): string {
  return [
    '| Type | What happened | Own fields | Links |',
    '|---|---|---|---|',
    ...eventTypes.map(kindRow),
  ].join('\n');
}

function kindRow(kind: EventType): string {
  const name = eventTypeName(kind);
  const shared = new Set(fieldsOf('Event').map((field) => field.name));
  const own = fieldsOf(name)
    .filter((field) => !shared.has(field.name))
    .map((field) => `\`${field.name}\``);
  const links = eventLinks[kind].map((link) => `\`${link}\``);
  const cells = [`\`${name}\``, schema.getType(name)?.description ?? '', own.join(', ')];
  return `| ${[...cells, links.join(', ')].join(' | ')} |`;
}

function fieldsOf(name: string): readonly GraphQLField<unknown, unknown>[] {
  const type = schema.getType(name);
  if (!isObjectType(type) && !isInterfaceType(type)) throw new Error(`The graph has no ${name}.`);
  return Object.values(type.getFields());
}

/** Puts a table between the marks that the page has for it. */
function filled(text: string, name: string, table: string): string {
  const marks = new RegExp(`(<!-- ${name}: [^>]*-->)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!marks.test(text)) throw new Error(`${file} has no place for its table of ${name}.`);
  return text.replace(
    marks,
    (_all, start: string, end: string) => `${start}\n\n${table}\n\n${end}`,
  );
}
