import type { EnrollmentOrder, EnrollmentPosition } from '../../model/enrollment-order.ts';
import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { type Count, countedSql, countOf, guessOf } from './count.ts';
import { compileEnrollmentFilter } from './enrollment-filter.ts';
import { orderSql } from './enrollment-order.ts';
import { type PageShape, listedPageSql, searchedPageSql } from './enrollment-page.ts';
import { lowerBound, orderedRange, upperBound } from './enrollment-range.ts';
import { searches, searchesInside } from './enrollment-search.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pageOf,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';

/** Enough of an enrolment to load it and to point behind it. */
export interface EnrollmentKey {
  readonly key: bigint;
  readonly id: string;
}

/** Enough of a device to load it and to point behind it in the order that it was listed in. */
export interface ListedEnrollment extends EnrollmentKey {
  readonly position: EnrollmentPosition;
}

interface ListedRow {
  readonly key: string;
  readonly id: string;
  readonly position: string[];
}

/**
 * A page of the devices that a filter finds. For one tenant it is a stretch of that tenant's index; for
 * all of them, such a stretch of each tenant's, merged.
 * @throws {QueryTooExpensiveError} the database needs too long for this filter in this order
 */
export async function enrollmentPage(
  db: Queryable,
  viewer: Viewer,
  filter: EnrollmentFilter,
  order: EnrollmentOrder,
  stretch: Stretch<EnrollmentPosition>,
): Promise<Page<ListedEnrollment>> {
  const { text, values } = enrollmentPageSql(viewer, filter, order, stretch);
  const result = await inTime(db.query<ListedRow>(text, values), ['filter']);
  const rows = result.rows.map((row) => ({ ...keyOf(row), position: row.position }));
  return pageOf(rows, stretch);
}

/** The statement of `enrollmentPage`. */
export function enrollmentPageSql(
  viewer: Viewer,
  filter: EnrollmentFilter,
  order: EnrollmentOrder,
  stretch: Stretch<EnrollmentPosition>,
): { readonly text: string; readonly values: unknown[] } {
  const sql = orderSql(order);
  const statement = params();
  const range = orderedRange(filter, order.field);
  const { descending } = order;
  const lower = lowerBound(descending ? stretch.before : stretch.after, range.from);
  const upper = upperBound(descending ? stretch.after : stretch.before, range.below);
  const bound = (position: EnrollmentPosition | null) =>
    position && sql.bound(statement.add, position);
  const bounds = {
    after: bound((descending ? upper : lower).position),
    before: bound((descending ? lower : upper).position),
  };
  const between = (
    [
      ['>=', lower.value],
      ['<', upper.value],
    ] as const
  ).map(([compared, value]) =>
    value === null
      ? ''
      : `and ${sql.columns[0]} ${compared} ${sql.valueOf(statement.add, String(value))}`,
  );
  const part = { ...stretch, descending };
  const keyset = stretchSql(sql.columns, bounds, part);
  const searching = searches(filter);
  // Every tenant's devices by id are in an index of their own, and texts are in one for all tenants.
  const byId = order.field === 'ENROLLMENT_ID';
  const inOneIndex = byId && (searchesInside(filter) || Object.keys(filter).length === 0);
  const throughTenants = viewer.tenant === null && !inOneIndex;
  const owner =
    viewer.tenant === null
      ? throughTenants
        ? 'owner.id'
        : null
      : statement.add(viewer.tenant, 'int');
  const shape: PageShape = {
    sql,
    where: [keyset.where, ...between].join(' '),
    orderBy: keyset.orderBy,
    orderOfRows: stretchSql(
      sql.columns.map((_, place) => `order_${place}`),
      { after: null, before: null },
      part,
    ).orderBy,
    limit: stretch.limit + 1,
    owner,
    // Or PostgreSQL might walk by id through all tenants' devices for a few of one.
    walked:
      throughTenants && byId
        ? {
            devices: `e.tenant_id between owner.id and owner.id and e.device_key is null`,
            orderBy: stretchSql(['e.tenant_id', 'e.id'], { after: null, before: null }, part)
              .orderBy,
          }
        : null,
    condition(wanted, seenHour) {
      const scope = {
        tenant: viewer.tenant,
        ...(owner !== null && { owner }),
        channels: 'DEVICE' as const,
        ...(order.field === 'LAST_SEEN' && { seenHour }),
        ...(byId && {
          idsBetween: (column: string) => stretchSql([column], bounds, part).where,
        }),
      };
      const compiled = compileEnrollmentFilter(wanted, scope, statement.values.length + 1);
      statement.values.push(...compiled.values);
      return compiled.sql;
    },
  };
  const page = searching
    ? searchedPageSql(range.rest, shape, throughTenants ? 1_000 : 4_000)
    : listedPageSql(range.rest, shape);
  if (!throughTenants) return { text: page, values: statement.values };
  // The tenants are found by stepping through the index; each has one page to give.
  return {
    text: `
with recursive owner (id) as (
  (select e.tenant_id from enrollment e order by e.tenant_id limit 1)
  union all
  select (select e.tenant_id from enrollment e where e.tenant_id > owner.id
          order by e.tenant_id limit 1)
  from owner where owner.id is not null
)
select page.key, page.id, page.position
from (select id from owner where id is not null) owner
cross join lateral (${page}
) page
${shape.orderOfRows} limit ${shape.limit}`,
    values: statement.values,
  };
}

/**
 * How many enrolments a filter finds.
 * @throws {QueryTooExpensiveError} the database needs too long to count them
 */
export async function countEnrollments(
  db: Queryable,
  viewer: Viewer,
  filter: EnrollmentFilter,
  channels: Channels,
): Promise<Count> {
  const { sql, values } = compileEnrollmentFilter(filter, { tenant: viewer.tenant, channels }, 1);
  const counted = await inTime(
    db.query<{ count: number }>(
      `select ${countedSql(`select from enrollment e where ${sql}`)} as count`,
      values,
    ),
    ['filter'],
  );
  return countOf(counted.rows[0]?.count ?? 0, () =>
    guessOf(db, `select from enrollment e where ${sql}`, values),
  );
}

/** A page of user channels for each of many devices, by id. */
export async function userChannelPages(
  db: Queryable,
  viewer: Viewer,
  deviceKeys: readonly bigint[],
  stretch: Stretch<string>,
): Promise<ReadonlyMap<bigint, Page<EnrollmentKey>>> {
  const statement = params([deviceKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const { where, tail } = stretchSql(['e.id'], idBounds(stretch, statement.add), stretch);
  const result = await db.query<{ device_key: string; key: string; id: string }>(
    `select device.key as device_key, channel.key, channel.id
     from unnest($1::bigint[]) with ordinality as device (key, place)
     cross join lateral (
       select e.key, e.id from enrollment e
       where e.device_key = device.key and ${visible} ${where} ${tail}
     ) channel
     order by device.place, channel.id ${stretch.fromEnd ? 'desc' : ''}`,
    statement.values,
  );
  const rows = result.rows.map((row) => ({ ...keyOf(row), deviceKey: BigInt(row.device_key) }));
  return pagesOf(rows, (row) => row.deviceKey, stretch);
}

type Add = (value: unknown, type: string) => string;

function idBounds(stretch: Stretch<string>, add: Add) {
  return {
    after: stretch.after === null ? null : [add(stretch.after, 'text')],
    before: stretch.before === null ? null : [add(stretch.before, 'text')],
  };
}

function keyOf(row: { readonly key: string; readonly id: string }): EnrollmentKey {
  return { key: BigInt(row.key), id: row.id };
}
