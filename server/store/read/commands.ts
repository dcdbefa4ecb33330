import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import type { CommandFilter } from './command-filter.ts';
import { commandPageSql, finishedSql } from './command-page.ts';
import { type Count, countedSql, countLimit, countOf, guessOf } from './count.ts';
import {
  type Page,
  type Params,
  type Queryable,
  type Stretch,
  pageOf,
  params,
  visibleTo,
} from './keyset.ts';
import { type TimedPosition, fromBehind, positionsOf } from './timed-stretch.ts';

/**
 * A page of commands, the newest first: by their keys, or by their times where the filter names times and
 * they need not be open. Keys grow with time but for commands that were taken over from elsewhere, so a
 * stretch of time is no stretch of keys.
 */
export async function commandPage(
  db: Queryable,
  viewer: Viewer,
  filter: CommandFilter,
  stretch: Stretch<TimedPosition>,
): Promise<Page<TimedPosition>> {
  const ascending = fromBehind(stretch);
  const statement = params();
  const result = await inTime(
    db.query<{ key: string; micros: string }>(
      commandPageSql(viewer, filter, ascending, statement),
      statement.values,
    ),
    ['filter'],
  );
  const { rows, more } = pageOf(positionsOf(result.rows), ascending);
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
  const counted = params();
  const every = { limit: countLimit, after: null, before: null, fromEnd: true };
  const { rows } = await inTime(
    filter.open === true
      ? db.query<{ count: number }>(
          `select count(*)::int as count from (${commandPageSql(viewer, filter, every, counted)}) open`,
          counted.values,
        )
      : db.query<{ count: number }>(
          `select ${countedSql(
            `select from command c where ${conditionsOf(viewer, filter, counted)}
             ${filter.open === false ? `and ${finishedSql}` : ''}`,
          )} as count`,
          counted.values,
        ),
    ['filter'],
  );
  const guessed = params();
  const waits = 'exists (select from queue_entry q where q.command_key = c.key)';
  return countOf(rows[0]?.count ?? 0, () =>
    guessOf(
      db,
      `select from command c where ${conditionsOf(viewer, filter, guessed)}
       ${filter.open === undefined ? '' : `and ${filter.open ? '' : 'not '}${waits}`}`,
      guessed.values,
    ),
  );
}

/** As a condition over `command c`, all but whether it is open. */
function conditionsOf(viewer: Viewer, filter: CommandFilter, statement: Params): string {
  const { requestTypes, createdBy, createdFrom, createdBefore } = filter;
  const conditions = [visibleTo(viewer, 'c', statement)];
  if (requestTypes) {
    conditions.push(`c.request_type = any(${statement.add(requestTypes, 'text[]')})`);
  }
  if (createdBy !== undefined)
    conditions.push(`c.created_by = ${statement.add(createdBy, 'text')}`);
  if (createdFrom) conditions.push(`c.created_at >= ${statement.add(createdFrom, 'timestamptz')}`);
  if (createdBefore) {
    conditions.push(`c.created_at < ${statement.add(createdBefore, 'timestamptz')}`);
  }
  return conditions.join(' and ');
}
