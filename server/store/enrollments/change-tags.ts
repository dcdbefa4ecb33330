import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { compileTargets } from '../read/enrollment-targets.ts';

/** Up to this many changed enrolments get an event each; beyond it one tells of all. */
const eventEach = 100;

/** Tags to be given to, or taken from, enrolments. */
export interface TagChange {
  /** Without repeats. */
  readonly tags: readonly string[];
  /** Those of them that an event has room for. */
  readonly shownTags: readonly string[];
  readonly targets: Targets;
  /** Null: any tenant's. */
  readonly tenant: TenantId | null;
  readonly actor: string;
  readonly traceId: string | null;
  readonly at: Date;
}

/** What was done. */
export interface TagChangeOutcome {
  readonly targetCount: number;
  readonly changedCount: number;
  /** The first target ids in order, at most 100. */
  readonly sample: readonly string[];
}

interface Row {
  readonly target_count: number;
  readonly changed_count: number;
  readonly sample: string[];
}

/**
 * The end of both statements: `target` and `changed` (tenant_id, enrollment_key, tag) become events and
 * counts. Events carry what changed as `added` or `removed`.
 */
function ending(what: 'added' | 'removed'): string {
  return `
, changes as materialized (
  select tenant_id, enrollment_key, array_agg(tag order by tag) as tags
  from changed group by tenant_id, enrollment_key
), change_count as materialized (
  select count(*)::int as count from changes
), event as (
  insert into event (type, tenant_id, at, trace_id, actor, enrollment_key, data)
  select 'EnrollmentTagsChanged', one.tenant_id, $3, $4, $5, one.enrollment_key, one.data
  from (
    select tenant_id, enrollment_key, jsonb_build_object(
      '${what}', array(select unnest(tags) intersect select unnest($2::text[]) order by 1),
      '${what}Count', cardinality(tags)) as data
    from changes where (select count from change_count) <= ${eventEach}
    union all
    select tenant_id, null, jsonb_build_object(
      '${what}', $2::text[], '${what}Count', cardinality($1::text[]), 'targetCount', count(*))
    from changes where (select count from change_count) > ${eventEach} group by tenant_id
  ) one
  order by one.tenant_id, one.enrollment_key
)
select (select count(*)::int from target) as target_count, change_count.count as changed_count,
  array(select id from target order by id limit 100) as sample
from change_count`;
}

/**
 * Gives tags to enrolments: one set-based statement, in key order.
 */
export async function addTags(client: PoolClient, change: TagChange): Promise<TagChangeOutcome> {
  return run(
    client,
    change,
    (condition) => `
with target as materialized (
  select e.key, e.id, e.tenant_id from enrollment e where ${condition}
), changed as (
  insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
  select t.tenant_id, w.tag, t.id, t.key from target t cross join unnest($1::text[]) w (tag)
  order by t.key, w.tag
  on conflict do nothing
  returning tenant_id, enrollment_key, tag
)${ending('added')}`,
  );
}

/** Takes tags from enrolments: one set-based statement, in key order. */
export async function removeTags(client: PoolClient, change: TagChange): Promise<TagChangeOutcome> {
  return run(
    client,
    change,
    (condition) => `
with target as materialized (
  select e.key, e.id, e.tenant_id from enrollment e where ${condition}
), held as materialized (
  select x.tenant_id, x.tag, x.enrollment_id
  from target t
  join enrollment_tag x on x.enrollment_key = t.key and x.tag = any($1::text[])
  order by x.enrollment_key, x.tag
  for update of x
), changed as (
  delete from enrollment_tag x using held h
  where x.tenant_id = h.tenant_id and x.tag = h.tag and x.enrollment_id = h.enrollment_id
  returning x.tenant_id, x.enrollment_key, x.tag
)${ending('removed')}`,
  );
}

async function run(
  client: PoolClient,
  change: TagChange,
  textOf: (condition: string) => string,
): Promise<TagChangeOutcome> {
  const { tags, shownTags, at, traceId, actor } = change;
  const values = [tags, shownTags, at, traceId, actor];
  const condition = compileTargets(change.targets, change.tenant, values.length + 1);
  const { rows } = await inTime(
    client.query<Row>(textOf(condition.sql), [...values, ...condition.values]),
    ['input', 'targets'],
  );
  const row = rows[0];
  return {
    targetCount: row?.target_count ?? 0,
    changedCount: row?.changed_count ?? 0,
    sample: row?.sample ?? [],
  };
}

/**
 * Lets one transaction at a time give tags in a tenant, so that what it has counted stays true until it
 * commits. It is the tenant that is locked, not its enrolments: their devices must not wait for a bulk change.
 * @param tenant null: any tenant's
 */
export async function lockTagging(client: PoolClient, tenant: TenantId | null): Promise<void> {
  await inTime(
    client.query(
      `select 1 from tenant where id = $1 or $1::int is null order by id for no key update`,
      [tenant],
    ),
    ['input', 'targets'],
  );
}

/** What giving these tags would do. */
export interface TagPreview extends TagChangeOutcome {
  /** Enrolments that would have more tags than an enrolment may: the first three, in order. */
  readonly crowded: readonly string[];
}

/** Counts the targets, and those whose tags would change. */
export async function previewTags(
  client: PoolClient,
  change: Pick<TagChange, 'tags' | 'targets' | 'tenant'>,
  action: 'ADD' | 'REMOVE',
  mostTags: number,
): Promise<TagPreview> {
  const values = [change.tags, action === 'ADD', mostTags];
  const condition = compileTargets(change.targets, change.tenant, values.length + 1);
  const { rows } = await inTime(
    client.query<Row & { readonly crowded: string[] }>(
      `
with target as materialized (
  select e.id, held.same, held.other
  from enrollment e
  cross join lateral (
    select (count(*) filter (where x.tag = any($1::text[])))::int as same,
      (count(*) filter (where x.tag <> all($1::text[])))::int as other
    from enrollment_tag x where x.enrollment_key = e.key
  ) held
  where ${condition.sql}
)
select count(*)::int as target_count,
  (count(*) filter (where case when $2 then same < cardinality($1::text[]) else same > 0 end))::int
    as changed_count,
  array(select id from target order by id limit 100) as sample,
  array(
    select id from target where $2 and same < cardinality($1::text[])
      and other + cardinality($1::text[]) > $3::int
    order by id limit 3
  ) as crowded
from target`,
      [...values, ...condition.values],
    ),
    ['input', 'targets'],
  );
  const row = rows[0];
  return {
    targetCount: row?.target_count ?? 0,
    changedCount: row?.changed_count ?? 0,
    sample: row?.sample ?? [],
    crowded: row?.crowded ?? [],
  };
}
