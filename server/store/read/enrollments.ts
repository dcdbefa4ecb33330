import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import { compileEnrollmentFilter } from './enrollment-filter.ts';
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

/** How many there are; beyond `countLimit` it is what the planner thinks. */
export interface Count {
  readonly count: number;
  readonly isEstimate: boolean;
}

/** Up to here lists are counted exactly: counting costs time for every row. */
export const countLimit = 10_000;

/** A page of the enrolments that a filter finds, by id. */
export async function enrollmentPage(
  db: Queryable,
  viewer: Viewer,
  filter: EnrollmentFilter,
  channels: Channels,
  stretch: Stretch<string>,
): Promise<Page<EnrollmentKey>> {
  const condition = compileEnrollmentFilter(filter, { tenant: viewer.tenant, channels }, 1);
  const statement = params(condition.values);
  const { where, tail } = stretchSql(['e.id'], idBounds(stretch, statement.add), stretch);
  const result = await db.query<{ key: string; id: string }>(
    `select e.key, e.id from enrollment e where ${condition.sql} ${where} ${tail}`,
    statement.values,
  );
  return pageOf(result.rows.map(keyOf), stretch);
}

/** How many enrolments a filter finds. */
export async function countEnrollments(
  db: Queryable,
  viewer: Viewer,
  filter: EnrollmentFilter,
  channels: Channels,
): Promise<Count> {
  const { sql, values } = compileEnrollmentFilter(filter, { tenant: viewer.tenant, channels }, 1);
  const counted = await db.query<{ count: number }>(
    `select count(*)::int as count
     from (select 1 from enrollment e where ${sql} limit ${countLimit + 1}) found`,
    values,
  );
  const count = counted.rows[0]?.count ?? 0;
  if (count <= countLimit) return { count, isEstimate: false };
  const plan = await db.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) select 1 from enrollment e where ${sql}`,
    values,
  );
  const guess = plan.rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
  return { count: Math.max(guess, count), isEstimate: true };
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
