import type { Viewer } from '../../model/viewer.ts';
import type { CommandFilter } from './command-filter.ts';
import { type Params, type Stretch, stretchOfParentSql, stretchSql } from './keyset.ts';
import { timeInMicros, type TimedPosition, timedStretchSql } from './timed-stretch.ts';

/** Of more types than these a page is looked for among all types. */
const mostMerged = 20;

/**
 * The statement of a page of commands, each with its time as `micros`. One tenant's commands of one type
 * are a stretch of an index; the page is merged of as many such stretches as it takes.
 */
export function commandPageSql(
  viewer: Viewer,
  filter: CommandFilter,
  stretch: Stretch<TimedPosition>,
  statement: Params,
): string {
  const { requestTypes = [], createdBy, open } = filter;
  const isTimed =
    open !== true && (filter.createdFrom !== undefined || filter.createdBefore !== undefined);
  const isAny = !isTimed && requestTypes.length === 0 && createdBy === undefined;
  const throughTenants = viewer.tenant === null && !isAny;
  // A query of its own, so that PostgreSQL does not know which: what is said by rows of tenant and key it
  // takes for next to nothing if it does, and any index for good enough.
  const tenant = viewer.tenant === null ? null : `(select ${statement.add(viewer.tenant, 'int')})`;
  const maker = createdBy === undefined ? null : statement.add(createdBy, 'text');
  // PostgreSQL knows how frequent a type is only where it stands in the statement by itself.
  const types =
    requestTypes.length === 0
      ? [null]
      : requestTypes.length > mostMerged
        ? [`any(${statement.add(requestTypes, 'text[]')})`]
        : requestTypes.map((one) => statement.add(one, 'text'));
  const pages = types.map((type) => {
    const source = { tenant: throughTenants ? 'owner.id' : tenant, type, maker };
    return open === true
      ? openSql(source, filter, stretch, statement)
      : listedSql(source, filter, isTimed, stretch, statement);
  });
  const [only = '', ...more] = pages;
  if (!throughTenants && more.length === 0) return shownSql(only);
  const columns = isTimed ? ['page.created_at', 'page.key'] : ['page.key'];
  const { tail } = stretchSql(columns, { after: null, before: null }, stretch);
  const each = pages.map((page) => `(${page})`).join('\nunion all\n');
  const merged = `
select page.key, page.created_at
from ${throughTenants ? '(select id from owner where id is not null) owner cross join lateral' : ''} (
${each}
) page ${tail}`;
  return `${throughTenants ? owners : ''} ${shownSql(merged)}`;
}

/** The tenants that have commands, found by stepping through the index. */
const owners = `
with recursive owner (id) as (
  (select c.tenant_id from command c order by c.tenant_id limit 1)
  union all
  select (select c.tenant_id from command c where c.tenant_id > owner.id
          order by c.tenant_id limit 1)
  from owner where owner.id is not null
)`;

function shownSql(page: string): string {
  return `select shown.key, ${timeInMicros('shown.created_at')} as micros
from (${page}) shown`;
}

/** SQL of what one stretch is of; null: of any. */
interface Source {
  readonly tenant: string | null;
  readonly type: string | null;
  readonly maker: string | null;
}

/** All but the tenant's, as conditions over `command c`. */
function kindConditions({ type, maker }: Source): string[] {
  return [
    ...(type === null ? [] : [`c.request_type = ${type}`]),
    ...(maker === null ? [] : [`c.created_by = ${maker}`]),
  ];
}

/**
 * Looked up for each command by itself: as `not exists` it may become a join, for which PostgreSQL reads
 * the queue of everybody.
 */
export const finishedSql =
  '(select true from queue_entry q where q.command_key = c.key limit 1) is not true';

function listedSql(
  source: Source,
  filter: CommandFilter,
  isTimed: boolean,
  stretch: Stretch<TimedPosition>,
  statement: Params,
): string {
  const { tenant } = source;
  const { where, tail } = isTimed
    ? timedStretch(source, filter, stretch, statement)
    : tenant === null
      ? keyStretchSql(stretch, statement)
      : stretchOfParentSql(
          ['c.tenant_id', 'c.key'],
          tenant,
          keyBounds(stretch, statement),
          stretch,
        );
  const conditions = [...kindConditions(source), ...(filter.open === false ? [finishedSql] : [])];
  return `
select c.key, c.created_at from command c
where ${[where, ...conditions].join(' and ')} ${tail}`;
}

function keyStretchSql(stretch: Stretch<TimedPosition>, statement: Params) {
  const { where, tail } = stretchSql(['c.key'], keyBounds(stretch, statement), stretch);
  return { where: `true ${where}`, tail };
}

function keyBounds(stretch: Stretch<TimedPosition>, statement: Params) {
  const bound = (position: TimedPosition | null) =>
    position === null ? null : [statement.add(String(position.key), 'bigint')];
  return { after: bound(stretch.after), before: bound(stretch.before) };
}

function timedStretch(
  { tenant }: Source,
  { createdFrom, createdBefore }: CommandFilter,
  stretch: Stretch<TimedPosition>,
  statement: Params,
) {
  const times = { from: createdFrom, before: createdBefore };
  const { where, tail } = timedStretchSql(
    { table: 'command', alias: 'c', time: 'created_at' },
    times,
    stretch,
    statement,
  );
  // The second is as `command_list_created_at_idx` says it, which is not used otherwise.
  return {
    where: `c.tenant_id = ${tenant} and c.created_at > '-infinity' ${where}`,
    tail,
  };
}

/**
 * Open commands are few among very many, so they are found from the queue: from one command's entries it
 * jumps straight to the next command's, until the page is full. As those may be another tenant's, or
 * otherwise not meant, it jumps from each to the next command that is meant, and from that to the queue's
 * next. So it takes no more steps than twice the fewer of both.
 */
function openSql(
  source: Source,
  { createdFrom, createdBefore }: CommandFilter,
  stretch: Stretch<TimedPosition>,
  statement: Params,
): string {
  const { tenant } = source;
  const { where } = stretchSql(['q.command_key'], keyBounds(stretch, statement), stretch);
  const [direction, behind, ahead] = stretch.fromEnd ? ['desc', '<', '+'] : ['asc', '>', '-'];
  const own = [
    ...kindConditions(source),
    // As rows of both, or the tenant's commands might be looked for among everybody's.
    ...(tenant === null
      ? [`c.key ${behind}= queued.key`]
      : [
          `(c.tenant_id, c.key) ${behind}= (${tenant}, queued.key)`,
          `c.tenant_id ${stretch.fromEnd ? '>' : '<'}= ${tenant}`,
        ]),
  ].join(' and ');
  const order = (tenant === null ? ['c.key'] : ['c.tenant_id', 'c.key'])
    .map((column) => `${column} ${direction}`)
    .join(', ');
  const matches = [
    'c.key = queued.key',
    ...(createdFrom ? [`c.created_at >= ${statement.add(createdFrom, 'timestamptz')}`] : []),
    ...(createdBefore ? [`c.created_at < ${statement.add(createdBefore, 'timestamptz')}`] : []),
  ].join(' and ');
  const next = (from: string) => `(
    select q.command_key as key from queue_entry q where ${from} ${where}
    order by q.command_key ${direction} limit 1
  ) queued
  cross join lateral (
    select c.key, c.created_at, (${matches})::int as matching,
      case when c.key = queued.key then c.key else c.key ${ahead} 1 end as seen
    from command c where ${own} order by ${order} limit 1
  ) own`;
  return `
with recursive open (key, created_at, matching, seen, found) as (
  select own.key, own.created_at, own.matching, own.seen, own.matching from ${next('true')}
  union all
  select own.key, own.created_at, own.matching, own.seen, open.found + own.matching
  from open cross join lateral ${next(`q.command_key ${behind} open.seen`)}
  where open.found <= ${stretch.limit}
)
select key, created_at from open where matching > 0
order by key ${direction} limit ${stretch.limit + 1}`;
}
