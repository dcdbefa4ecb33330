import type { EnrollmentFilter } from '../../model/targets.ts';
import type { OrderSql } from './enrollment-order.ts';

/** What the statement of a page of devices is made of. */
export interface PageShape {
  readonly sql: OrderSql;
  /** Bounds of the page. */
  readonly where: string;
  readonly orderBy: string;
  /** The same order of rows that were read already, by `order_0` and on. */
  readonly orderOfRows: string;
  /** Rows to read. */
  readonly limit: number;
  /** SQL of the tenant; null: it is of all tenants at once. */
  readonly owner: string | null;
  /** Whose rows a search walks through, in which order, where that is not the filter's and the page's. */
  readonly walked: { readonly devices: string; readonly orderBy: string } | null;
  /** A filter of the viewer's devices; `seenHour`: what has the hour in the order of hours. */
  condition(filter: EnrollmentFilter, seenHour: string): string;
}

/** A page that is a stretch of the order's index: `order_0` and on, `key`, `id`, `position`. */
export function listedPageSql(filter: EnrollmentFilter, shape: PageShape): string {
  const { sql, where, orderBy, limit } = shape;
  return `
select ${orderOf(sql)}, e.key, e.id, ${positionOf(sql)} from enrollment e ${sql.join}
where ${shape.condition(filter, 'h')} ${where} ${orderBy} limit ${limit}`;
}

/**
 * A page of what a text finds. PostgreSQL guesses badly how much that is, and an order with a limit makes
 * it walk past a million devices for the few that fit. So both ways are written out. The first rows of the
 * order are walked through. Where they do not hold a page, and are not all of a small tenant's, little
 * fits or all of it stands elsewhere, and what fits is looked up and then put in order: it is not asked for
 * in an order, so that PostgreSQL has no reason but the texts' indexes to choose its way by.
 * @param walk  how many rows
 */
export function searchedPageSql(filter: EnrollmentFilter, shape: PageShape, walk: number): string {
  const { sql, where, orderBy, orderOfRows, limit, walked } = shape;
  const hour = sql.join === '' ? '' : ', h.hour';
  const orders = sql.columns.map((_, place) => `e.order_${place}`).join(', ');
  // The order is for the index by tenant and id, which ends after so many.
  const hasMore =
    shape.owner === null
      ? 'true'
      : `(select count(*) from (select from enrollment e where e.tenant_id = ${shape.owner}
          order by e.id limit ${walk}) seen) = ${walk}`;
  return `
with walked as materialized (
  select ${orders}, e.key, e.id, e.position from (
    select e.*, ${orderOf(sql)}, ${positionOf(sql)}${hour} from enrollment e ${sql.join}
    where ${walked?.devices ?? shape.condition({}, 'h')} ${where} ${walked?.orderBy ?? orderBy} limit ${walk}
  ) e
  where ${shape.condition(filter, 'e')} ${orderOfRows} limit ${limit}
), short as materialized (
  select (select count(*) from walked) < ${limit} and ${hasMore} as "is"
), found as materialized (
  select ${orderOf(sql)}, e.key, e.id, ${positionOf(sql)} from enrollment e ${sql.lookUp}
  where ${shape.condition(filter, 'h')} ${where}
)
select * from walked where not (select "is" from short)
union all
select * from found where (select "is" from short)
${orderOfRows} limit ${limit}`;
}

function orderOf(sql: OrderSql): string {
  return sql.columns.map((column, place) => `${column} as order_${place}`).join(', ');
}

function positionOf(sql: OrderSql): string {
  return `array[${sql.position.join(', ')}] as position`;
}
