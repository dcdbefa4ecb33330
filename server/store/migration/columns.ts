/** A column that many rows are written to at once. */
export interface Column<Row> {
  readonly name: string;
  /** SQL type of one value. */
  readonly type: string;
  readonly of: (row: Row) => unknown;
}

/** `unnest(…) as alias (…)` over the columns, from the first placeholder on. */
export function unnested<Row>(columns: readonly Column<Row>[], alias: string, first = 1): string {
  const arrays = columns.map(({ type }, index) => `$${first + index}::${type}[]`).join(', ');
  return `unnest(${arrays}) as ${alias} (${namesOf(columns)})`;
}

/** The columns' names, in order. */
export function namesOf<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/** What the placeholders stand for: an array for each column. */
export function valuesOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): unknown[] {
  return columns.map(({ of }) => rows.map(of));
}
