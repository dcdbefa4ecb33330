import type { Viewer } from '../../model/viewer.ts';
import { countLimit } from './count.ts';
import { type Page, type Queryable, type Stretch, pageOf, params, stretchSql } from './keyset.ts';

/** Where a tag stands in the list: by tenant, then by its text. */
export interface TagPosition {
  readonly tenantId: number;
  readonly tag: string;
}

/** A page of the tags in use. */
export async function tagPage(
  db: Queryable,
  viewer: Viewer,
  prefix: string | null,
  stretch: Stretch<TagPosition>,
): Promise<Page<TagPosition>> {
  const { limit, fromEnd } = stretch;
  const statement = params();
  const bound = (position: TagPosition | null) =>
    position && [statement.add(position.tenantId, 'int'), statement.add(position.tag, 'text')];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where } = stretchSql(['t.tenant_id', 't.tag'], bounds, stretch);
  const conditions = [
    ...(viewer.tenant === null ? [] : [`t.tenant_id = ${statement.add(viewer.tenant, 'int')}`]),
    // A prefix is a range in byte order; like() with a parameter would not be one to the planner.
    ...(prefix === null ? [] : [`starts_with(t.tag, ${statement.add(prefix, 'text')})`]),
    ...(prefix === null ? [] : [`t.tag >= ${statement.add(prefix, 'text')}`]),
  ];
  const wanted = `${conditions.length === 0 ? 'true' : conditions.join(' and ')} ${where}`;
  const direction = fromEnd ? 'desc' : 'asc';
  // From one tag to the next by an index probe each, however many enrolments have it.
  const { rows } = await db.query<{ tenant_id: number; tag: string }>(
    `
with recursive walk (tenant_id, tag, place) as (
  (select t.tenant_id, t.tag, 1 from enrollment_tag t where ${wanted}
   order by t.tenant_id ${direction}, t.tag ${direction} limit 1)
  union all
  select next.tenant_id, next.tag, walk.place + 1
  from walk cross join lateral (
    select t.tenant_id, t.tag from enrollment_tag t
    where ${wanted} and (t.tenant_id, t.tag) ${fromEnd ? '<' : '>'} (walk.tenant_id, walk.tag)
    order by t.tenant_id ${direction}, t.tag ${direction} limit 1
  ) next
  where walk.place <= ${limit}
)
select tenant_id, tag from walk order by place`,
    statement.values,
  );
  const found = rows.map((row) => ({ tenantId: row.tenant_id, tag: row.tag }));
  return pageOf(found.slice(0, limit + 1), stretch);
}

/** Names one tag of one tenant among all. */
export function tagKey({ tenantId, tag }: TagPosition): string {
  return `${tenantId} ${tag}`;
}

/** How many enrolments have each of these tags, counted to `countLimit + 1` at most. */
export async function countTagged(
  db: Queryable,
  tags: readonly TagPosition[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ tenant_id: number; tag: string; count: number }>(
    `select wanted.tenant_id, wanted.tag, (
       select count(*)::int from (
         select 1 from enrollment_tag t
         where t.tenant_id = wanted.tenant_id and t.tag = wanted.tag limit ${countLimit + 1}
       ) found
     ) as count
     from unnest($1::int[], $2::text[]) as wanted (tenant_id, tag)`,
    [tags.map(({ tenantId }) => tenantId), tags.map(({ tag }) => tag)],
  );
  return new Map(rows.map((row) => [tagKey({ tenantId: row.tenant_id, tag: row.tag }), row.count]));
}

/** The tags of enrolments, each list in order. */
export async function tagsOf(
  db: Queryable,
  enrollmentKeys: readonly bigint[],
): Promise<ReadonlyMap<bigint, readonly string[]>> {
  const { rows } = await db.query<{ key: string; tags: string[] }>(
    `select enrollment_key as key, array_agg(tag order by tag) as tags
     from enrollment_tag where enrollment_key = any($1::bigint[]) group by enrollment_key`,
    [enrollmentKeys.map(String)],
  );
  return new Map(rows.map(({ key, tags }) => [BigInt(key), tags]));
}
