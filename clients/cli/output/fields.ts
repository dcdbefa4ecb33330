/** What a field of `--json` is. */
export interface Described {
  readonly what: string;
}

/** A field that `--json` and tables can show of a row. */
export interface Field<Row> extends Described {
  of(row: Row): unknown;
}

export type Fields<Row> = Readonly<Record<string, Field<Row>>>;

/** How rows of one kind are shown. */
export interface Shape<Row> {
  readonly fields: Fields<Row>;
  /** Those of the table, in order: the field, its heading, and how wide it is where rows come one by one. */
  readonly columns: readonly Column[];
}

export interface Column {
  readonly field: string;
  readonly heading: string;
  readonly width: number;
}

/** Describes rows; each column's field has to be one of the fields. */
export function shape<Row, const Name extends string>(
  fields: Readonly<Record<Name, Field<Row>>>,
  columns: readonly (readonly [field: NoInfer<Name>, heading: string, width?: number])[],
): Shape<Row> {
  return {
    fields,
    columns: columns.map(([field, heading, width = 20]) => ({ field, heading, width })),
  };
}

/** Fields that are taken from a row by their own name. */
export function own<Row extends object>() {
  return <const Name extends Extract<keyof Row, string>>(
    described: Readonly<Record<Name, string>>,
  ) => {
    const entries = Object.entries(described) as [Name, string][];
    const fields = entries.map(([name, what]) => [name, { what, of: (row: Row) => row[name] }]);
    return Object.fromEntries(fields) as Record<Name, Field<Row>>;
  };
}
