import type { Pool } from 'pg';
import type { Viewer } from '../../model/viewer.ts';

/** What the readers run their statements on. */
export type Queryable = Pick<Pool, 'query'>;

/** Which stretch of an ordered list: positions are values of the order itself, never row numbers. */
export interface Stretch<Position> {
  /** At most this many rows. */
  readonly limit: number;
  readonly after: Position | null;
  readonly before: Position | null;
  /** True: the last `limit` rows of the stretch instead of the first. */
  readonly fromEnd: boolean;
}

/** Rows of a stretch, in the list's order. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Whether the stretch has more rows at the end that the limit cut off. */
  readonly more: boolean;
}

export const emptyPage: Page<never> = { rows: [], more: false };

/** Collects the values behind a statement's placeholders. */
export interface Params {
  readonly values: unknown[];
  /** The placeholder for a value, with its type. */
  add(value: unknown, type: string): string;
}

export function params(values: unknown[] = []): Params {
  return {
    values,
    add(value, type) {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}

/**
 * The end of a keyset query: conditions on the position, order and limit, one row more than asked for
 * so that it shows whether the list goes on.
 * @param columns  what the list is ordered by, as SQL
 * @param bounds   placeholders for each column of `after` and `before`
 */
export function stretchSql(
  columns: readonly string[],
  bounds: { readonly after: readonly string[] | null; readonly before: readonly string[] | null },
  stretch: {
    readonly limit: number;
    readonly fromEnd: boolean;
    /** The list's order goes down. */
    readonly descending?: boolean;
  },
): { readonly where: string; readonly orderBy: string; readonly tail: string } {
  const row = columns.length === 1 ? columns.join('') : `(${columns.join(', ')})`;
  const value = (list: readonly string[]) =>
    list.length === 1 ? list.join('') : `(${list.join(', ')})`;
  const conditions: string[] = [];
  const { descending = false } = stretch;
  const [behind, ahead] = descending ? ['<', '>'] : ['>', '<'];
  if (bounds.after) conditions.push(`and ${row} ${behind} ${value(bounds.after)}`);
  if (bounds.before) conditions.push(`and ${row} ${ahead} ${value(bounds.before)}`);
  const direction = stretch.fromEnd === descending ? '' : ' desc';
  const orderBy = `order by ${columns.map((column) => column + direction).join(', ')}`;
  return {
    where: conditions.join(' '),
    orderBy,
    tail: `${orderBy} limit ${stretch.limit + 1}`,
  };
}

/**
 * The stretch of one parent's rows, in the order of a key above 0, by an index of parent and key. It is said
 * by rows of both: PostgreSQL does not know how many rows a parent has, and would sort what it takes for few.
 * @param parent  SQL of the parent's key
 */
export function stretchOfParentSql(
  columns: readonly [parent: string, key: string],
  parent: string,
  bounds: { readonly after: readonly string[] | null; readonly before: readonly string[] | null },
  stretch: { readonly limit: number; readonly fromEnd: boolean },
): { readonly where: string; readonly tail: string } {
  const [after = '0'] = bounds.after ?? [];
  const [before = lastKey] = bounds.before ?? [];
  const row = `(${columns.join(', ')})`;
  const { tail } = stretchSql(columns, { after: null, before: null }, stretch);
  return {
    where: `${row} > (${parent}, ${after}) and ${row} < (${parent}, ${before})`,
    tail,
  };
}

/** The greatest bigint. */
const lastKey = '9223372036854775807';

/** Cuts off the row that was read only to see whether there is more, and restores the list's order. */
export function pageOf<Row>(
  rows: readonly Row[],
  stretch: { readonly limit: number; readonly fromEnd: boolean },
): Page<Row> {
  const kept = rows.slice(0, stretch.limit);
  if (stretch.fromEnd) kept.reverse();
  return { rows: kept, more: rows.length > stretch.limit };
}

/** `pageOf` for the rows of many parents, which came in one answer. */
export function pagesOf<Row, Parent>(
  rows: readonly Row[],
  parentOf: (row: Row) => Parent,
  stretch: { readonly limit: number; readonly fromEnd: boolean },
): ReadonlyMap<Parent, Page<Row>> {
  const byParent = new Map<Parent, Row[]>();
  for (const row of rows) {
    const parent = parentOf(row);
    const list = byParent.get(parent);
    if (list) list.push(row);
    else byParent.set(parent, [row]);
  }
  return new Map([...byParent].map(([parent, list]) => [parent, pageOf(list, stretch)]));
}

/** The tenant predicate that every read carries. `alias` is an `enrollment` or a `command`. */
export function visibleTo(viewer: Viewer, alias: string, statement: Params): string {
  return viewer.tenant === null
    ? 'true'
    : `${alias}.tenant_id = ${statement.add(viewer.tenant, 'int')}`;
}

/**
 * The same for a row that is only counted: each is looked up by itself, whatever PostgreSQL thinks that a
 * join would cost.
 * @param key  SQL of the row's key
 */
export function ownedBy(
  viewer: Viewer,
  table: 'enrollment' | 'command',
  key: string,
  statement: Params,
): string {
  return viewer.tenant === null
    ? 'true'
    : `(select o.tenant_id from ${table} o where o.key = ${key})
        = ${statement.add(viewer.tenant, 'int')}`;
}
