import { type DatabaseShape, type TableShape, columnShape, indexShape } from './table-shape.ts';

// Reads of schema.prisma what makes tables. The generated client keeps no defaults, nullability or
// indexes, and Prisma's own reader is in no package of ours. What this does not understand it refuses.

const types: Readonly<Record<string, string>> = {
  String: 'text',
  Int: 'integer',
  Float: 'double precision',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Bytes: 'bytea',
  DateTime: 'timestamp(3) without time zone',
  Json: 'jsonb',
  '@db.Uuid': 'uuid',
  '@db.SmallInt': 'smallint',
  '@db.Timestamptz(6)': 'timestamp(6) with time zone',
};

interface Field {
  readonly name: string;
  readonly type: string;
  readonly mark: '' | '?' | '[]';
  readonly attributes: string;
}

/**
 * The tables that a Prisma schema describes.
 * @throws what stands there and is not understood, so that nothing is passed over
 */
export function shapeOfPrismaSchema(text: string): DatabaseShape {
  const models = [...text.matchAll(/^model (\w+) \{\n(.*?)^\}/gms)];
  if (models.length !== [...text.matchAll(/^model /gm)].length) throw new Error('unread models');
  const names = new Set(models.map(([, name]) => name));
  return Object.fromEntries(
    models.map(([, name = '', body = '']) => {
      const lines = body.split('\n').map((line) => line.replace(/\/\/.*/, '').trim());
      const table = lines.join('\n').match(/^@@map\("(\w+)"\)$/m)?.[1] ?? name;
      return [table, shapeOfModel(table, lines, (type) => names.has(type))];
    }),
  );
}

function shapeOfModel(
  table: string,
  lines: readonly string[],
  isModel: (type: string) => boolean,
): TableShape {
  const fields = lines.filter((line) => /^\w/.test(line)).map(readField);
  const stored = fields.filter(({ type }) => !isModel(type));
  const columnOf = (name: string): string => {
    const field = stored.find((candidate) => candidate.name === name);
    if (!field) throw new Error(`${table} has no field ${name}`);
    return columnName(field);
  };
  const indexes = [
    ...stored.flatMap((field) => ownIndex(table, field)),
    ...lines.flatMap((line) => blockIndex(table, line, columnOf)),
  ];
  return {
    columns: Object.fromEntries(stored.map((field) => [columnName(field), shapeOfField(field)])),
    indexes: Object.fromEntries(indexes),
  };
}

function readField(line: string): Field {
  const match = /^(\w+)\s+(\w+)(\?|\[\])?(?:\s+(.*))?$/.exec(line);
  if (!match) throw new Error(`not a field: ${line}`);
  const [, name = '', type = '', mark = '', attributes = ''] = match;
  return { name, type, mark: mark === '?' || mark === '[]' ? mark : '', attributes };
}

function columnName({ name, attributes }: Field): string {
  return /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name;
}

function shapeOfField({ type, mark, attributes }: Field): string {
  const native = /@db\.\w+(?:\(\d+\))?/.exec(attributes)?.[0];
  const sql = types[native ?? type];
  if (sql === undefined) throw new Error(`no SQL type is known for ${native ?? type}`);
  return columnShape(mark === '[]' ? `${sql}[]` : sql, mark !== '?', defaultOf(attributes));
}

function defaultOf(attributes: string): string | null {
  const written = /@default\((dbgenerated\("(.*?)"\)|autoincrement\(\)|"(.*?)"|[\w.-]+)\)/.exec(
    attributes,
  );
  if (!written) {
    if (attributes.includes('@default')) throw new Error(`not understood: ${attributes}`);
    return null;
  }
  const [, whole = '', generated, quoted] = written;
  if (whole === 'autoincrement()') return 'identity';
  return generated ?? (quoted === undefined ? whole : `'${quoted}'::text`);
}

function ownIndex(table: string, field: Field): [string, string][] {
  const column = columnName(field);
  const found: [string, string][] = [];
  if (/@id\b/.test(field.attributes)) {
    found.push([`${table}_pkey`, indexShape('primary key', [column])]);
  }
  if (/@unique\b/.test(field.attributes)) {
    found.push([`${table}_${column}_key`, indexShape('unique', [column])]);
  }
  return found;
}

function blockIndex(
  table: string,
  line: string,
  columnOf: (field: string) => string,
): [string, string][] {
  if (!line.startsWith('@@') || line.startsWith('@@map(')) return [];
  const match = /^@@(id|unique|index)\(\[([\w, ]+)\](?:, map: "(\w+)")?(?:, type: (\w+))?\)$/.exec(
    line,
  );
  if (!match) throw new Error(`not understood: ${line}`);
  const [, kind = '', list = '', mapped, method = 'BTree'] = match;
  const columns = list.split(',').map((name) => columnOf(name.trim()));
  const name = [table, ...columns].join('_');
  if (kind === 'id') return [[mapped ?? `${table}_pkey`, indexShape('primary key', columns)]];
  if (kind === 'unique') return [[mapped ?? `${name}_key`, indexShape('unique', columns)]];
  return [[mapped ?? `${name}_idx`, indexShape(`index ${method.toLowerCase()}`, columns)]];
}
