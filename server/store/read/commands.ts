import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { type Count, countedSql, countLimit, countOf, guessOf } from './count.ts';
import {
  type Page,
  type Params,
  type Queryable,
  type Stretch,
  pageOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';

/** Which commands: every member that is given must hold. */
export interface CommandFilter {
  readonly requestTypes?: readonly string[];
  readonly createdBy?: string;
  /** From this time on. */
  readonly createdFrom?: Date;
  /** Before this time. */
  readonly createdBefore?: Date;
  /** True: somebody's queue still holds it. */
  readonly open?: boolean;
}

/** A page of command keys, the newest first. */
export async function commandPage(
  db: Queryable,
  viewer: Viewer,
  filter: CommandFilter,
  stretch: Stretch<bigint>,
): Promise<Page<bigint>> {
  // The list is the ascending one from behind.
  const ascending = {
    limit: stretch.limit,
    after: stretch.before,
    before: stretch.after,
    fromEnd: !stretch.fromEnd,
  };
  const statement = params();
  const conditions = conditionsOf(viewer, filter, statement);
  const sql = (filter.open === true ? openSql : plainSql)(conditions, ascending, statement);
  const result = await db.query<{ key: string }>(sql, statement.values);
  const { rows, more } = pageOf(
    result.rows.map(({ key }) => BigInt(key)),
    ascending,
  );
  return { rows: rows.toReversed(), more };
}

/**
 * How many commands there are.
 * @throws {QueryTooExpensiveError} the database needs too long to count them
 */
export async function countCommands(
  db: Queryable,
  viewer: Viewer,
  filter: CommandFilter,
): Promise<Count> {
  const statement = params();
  const conditions = conditionsOf(viewer, filter, statement);
  const every = { limit: countLimit, after: null, before: null, fromEnd: true };
  const { rows } = await inTime(
    db.query<{ count: number }>(
      filter.open === true
        ? `select count(*)::int as count from (${openSql(conditions, every, statement)}) open`
        : `select ${countedSql(`select from command c where ${conditions}`)} as count`,
      statement.values,
    ),
    ['filter'],
  );
  const open = 'and exists (select from queue_entry q where q.command_key = c.key)';
  return countOf(rows[0]?.count ?? 0, () =>
    guessOf(
      db,
      `select from command c where ${conditions} ${filter.open === true ? open : ''}`,
      statement.values,
    ),
  );
}

/** As a condition over `command c`, all but whether it is open. */
function conditionsOf(viewer: Viewer, filter: CommandFilter, statement: Params): string {
  const { requestTypes, createdBy, createdFrom, createdBefore } = filter;
  const conditions = [visibleTo(viewer, 'c', statement)];
  if (requestTypes) {
    // One is by far the usual number, and alone it is read in the order of its index.
    const [first, ...more] = requestTypes;
    conditions.push(
      more.length === 0
        ? `c.request_type = ${statement.add(first, 'text')}`
        : `c.request_type = any(${statement.add(requestTypes, 'text[]')})`,
    );
  }
  if (createdBy !== undefined)
    conditions.push(`c.created_by = ${statement.add(createdBy, 'text')}`);
  if (createdFrom) conditions.push(`c.created_at >= ${statement.add(createdFrom, 'timestamptz')}`);
  if (createdBefore) {
    conditions.push(`c.created_at < ${statement.add(createdBefore, 'timestamptz')}`);
  }
  if (filter.open === false) {
    conditions.push('not exists (select 1 from queue_entry q where q.command_key = c.key)');
  }
  return conditions.join(' and ');
}

function boundsOf(stretch: Stretch<bigint>, statement: Params) {
  const bound = (key: bigint | null) =>
    key === null ? null : [statement.add(String(key), 'bigint')];
  return { after: bound(stretch.after), before: bound(stretch.before) };
}

function plainSql(conditions: string, stretch: Stretch<bigint>, statement: Params): string {
  const { where, tail } = stretchSql(['c.key'], boundsOf(stretch, statement), stretch);
  return `select c.key from command c where ${conditions} ${where} ${tail}`;
}

/**
 * Open commands are few among very many, so they are found from the queue: from one command's entries
 * it jumps straight to the next command's, until the page is full.
 */
function openSql(conditions: string, stretch: Stretch<bigint>, statement: Params): string {
  const { where } = stretchSql(['q.command_key'], boundsOf(stretch, statement), stretch);
  const [direction, behind] = stretch.fromEnd ? ['desc', '<'] : ['asc', '>'];
  const next = (from: string) => `(
    select q.command_key as key from queue_entry q where ${from} ${where}
    order by q.command_key ${direction} limit 1
  ) next
  cross join lateral (
    select count(*)::int as count from command c where c.key = next.key and ${conditions}
  ) matching`;
  return `
with recursive open (key, matching, found) as (
  select next.key, matching.count, matching.count from ${next('true')}
  union all
  select next.key, matching.count, open.found + matching.count
  from open cross join lateral ${next(`q.command_key ${behind} open.key`)}
  where open.found <= ${stretch.limit}
)
select key from open where matching > 0 order by key ${direction} limit ${stretch.limit + 1}`;
}
