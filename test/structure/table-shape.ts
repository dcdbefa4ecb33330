/** What schema.prisma and a database can both say of a table, in one notation. */
export interface TableShape {
  /** Column name to type, nullability and default: `bigint not null default 0`. */
  readonly columns: Readonly<Record<string, string>>;
  /** Name of a key or index to what it is: `primary key (a, b)`, `unique (a)`, `index btree (a)`. */
  readonly indexes: Readonly<Record<string, string>>;
}

export type DatabaseShape = Readonly<Record<string, TableShape>>;

/** @param fallback  the default's SQL, `identity`, or null when there is none */
export function columnShape(type: string, required: boolean, fallback: string | null): string {
  const ending = fallback === 'identity' ? ' identity' : ` default ${fallback}`;
  return `${type}${required ? ' not null' : ''}${fallback === null ? '' : ending}`;
}

export function indexShape(
  kind: 'primary key' | 'unique' | `index ${string}`,
  columns: readonly string[],
): string {
  return `${kind} (${columns.join(', ')})`;
}
