import { type ClientBase, escapeIdentifier } from 'pg';
import type { Table } from './tables.ts';

/** A row's values as PostgreSQL writes them, in the order of its table's columns. */
export type RowTexts = readonly (string | null)[];

/** Bytes that a page of rows has at most, unless a single row has more. */
const pageBytes = 8 * 1024 * 1024;
const mostRows = 1_000;

/** What texts look like must not hang on anybody's settings. */
const plainTexts = `set bytea_output = 'hex'; set datestyle = 'ISO'; set timezone = 'UTC';
set intervalstyle = 'postgres'; set extra_float_digits = 1; set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0; set lock_timeout = 0`;

/** Readies a connection for reading and writing rows; once, before its transaction. */
export async function readyForRows(client: ClientBase): Promise<void> {
  await client.query(plainTexts);
}

/** A table's rows in pages, in the order of its key by bytes: the same on every server. */
export async function* readRows(
  client: ClientBase,
  table: Table,
): AsyncGenerator<readonly RowTexts[]> {
  const { columns, order } = table;
  const texts = columns.map(({ name }) => `${escapeIdentifier(name)}::text`);
  const typeOf = new Map(columns.map(({ name, type }) => [name, type]));
  const by = order.map((name) =>
    /^(text|character)/.test(typeOf.get(name) ?? '')
      ? `${escapeIdentifier(name)} collate "C"`
      : escapeIdentifier(name),
  );
  await client.query(
    `declare rows_to_copy no scroll cursor for
     select ${texts.join(', ')} from ${escapeIdentifier(table.name)} order by ${by.join(', ')}`,
  );
  const size = await pageSize(client, table);
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({
      text: `fetch ${size} from rows_to_copy`,
      rowMode: 'array',
    });
    if (rows.length > 0) yield rows;
    if (rows.length < size) break;
  }
  await client.query('close rows_to_copy');
}

/** Writes rows as they are, generated numbers included. */
export async function writeRows(
  client: ClientBase,
  { name, columns }: Table,
  rows: readonly RowTexts[],
): Promise<void> {
  const names = columns.map((one) => escapeIdentifier(one.name));
  const values = columns.map(({ type }, at) => `c${at}::${type}`);
  const lists = columns.map((_column, at) => `$${at + 1}::text[]`);
  await client.query(
    `insert into ${escapeIdentifier(name)} (${names.join(', ')}) overriding system value
     select ${values.join(', ')}
     from unnest(${lists.join(', ')}) as r (${columns.map((_column, at) => `c${at}`).join(', ')})`,
    columns.map((_column, at) => rows.map((row) => row[at] ?? null)),
  );
}

/** How many rows may be held at once, judged by the largest bytes in the table. */
async function pageSize(client: ClientBase, { name, columns }: Table): Promise<number> {
  const large = columns.filter(({ type }) => type === 'bytea');
  if (large.length === 0) return mostRows;
  const bytes = large.map((one) => `coalesce(octet_length(${escapeIdentifier(one.name)}), 0)`);
  const { rows } = await client.query<{ most: number | null }>(
    `select max(${bytes.join(' + ')})::float8 as most from ${escapeIdentifier(name)}`,
  );
  // In hexadecimal, and some for the other columns.
  const each = 2 * (rows[0]?.most ?? 0) + 1_000;
  return Math.max(1, Math.min(mostRows, Math.floor(pageBytes / each)));
}
