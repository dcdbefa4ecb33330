import type { Viewer } from '../../model/viewer.ts';
import { eachResult } from '../each-result.ts';
import { inTime } from '../too-expensive.ts';
import { type Count, countedSql, countsOf, guessEach } from './count.ts';
import {
  type Page,
  type Params,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  ownedBy,
  stretchSql,
  visibleTo,
} from './keyset.ts';
import type { TargetState } from '../../model/targets.ts';
import { historyIn } from './target-state.ts';

// A device that was moved to another tenant leaves its results behind: they are shown to who sees both,
// the enrolment and the command.

/** How one enrolment's part in a command ended; without the report's bytes. */
export interface ResultRow {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
  readonly enrollmentId: string;
  readonly commandUuid: string;
  readonly requestType: string;
  readonly ended: string;
  readonly status: string | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date;
  readonly endedAt: Date;
  readonly answeredAt: Date | null;
}

/** Names one result among all; see `resultKey`. */
export type ResultKey = `${bigint}/${bigint}`;

export function resultKey(of: {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
}): ResultKey {
  return `${of.enrollmentKey}/${of.commandKey}`;
}

interface Row {
  readonly enrollment_key: string;
  readonly command_key: string;
  readonly id: string;
  readonly uuid: string;
  readonly request_type: string;
  readonly ended: string;
  readonly status: string | null;
  readonly not_now_at: Date | null;
  readonly not_now_tally: number;
  readonly first_sent_at: Date | null;
  readonly queued_at: Date;
  readonly ended_at: Date;
  readonly answered_at: Date | null;
}

const columns = `r.enrollment_key, r.command_key, r.ended, r.status, r.not_now_at, r.not_now_tally,
  r.first_sent_at, r.queued_at, r.ended_at, r.answered_at`;

/**
 * A page of the results of each of many enrolments, in the order in which commands were made.
 * @param states only results in these; null: all
 */
export function enrollmentResultPages(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  states: readonly TargetState[] | null,
  stretch: Stretch<bigint>,
): Promise<ReadonlyMap<bigint, Page<ResultRow>>> {
  return pagesFor(db, viewer, 'enrollment_key', 'command_key', enrollmentKeys, states, stretch);
}

/** A page of the results of each of many commands, in the order in which enrolments were made. */
export function commandResultPages(
  db: Queryable,
  viewer: Viewer,
  commandKeys: readonly bigint[],
  stretch: Stretch<bigint>,
): Promise<ReadonlyMap<bigint, Page<ResultRow>>> {
  return pagesFor(db, viewer, 'command_key', 'enrollment_key', commandKeys, null, stretch);
}

async function pagesFor(
  db: Queryable,
  viewer: Viewer,
  parent: 'enrollment_key' | 'command_key',
  order: 'enrollment_key' | 'command_key',
  keys: readonly bigint[],
  states: readonly TargetState[] | null,
  stretch: Stretch<bigint>,
): Promise<ReadonlyMap<bigint, Page<ResultRow>>> {
  const statement = params([keys.map(String)]);
  const wanted = conditionOf(states);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: bigint | null) =>
    position === null ? null : [statement.add(String(position), 'bigint')];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql([`r.${order}`], bounds, stretch);
  const result = await db.query<Row>(
    `select result.*
     from unnest($1::bigint[]) as parent (key)
     cross join lateral (
       select ${columns}, e.id, c.uuid, c.request_type
       from command_result r
       join enrollment e on e.key = r.enrollment_key and ${visible}
       join command c on c.key = r.command_key and ${visibleTo(viewer, 'c', statement)}
       where r.${parent} = parent.key and ${wanted} ${where} ${tail}
     ) result
     order by result.${parent}, result.${order} ${stretch.fromEnd ? 'desc' : ''}`,
    statement.values,
  );
  const parentOf = parent === 'enrollment_key' ? 'enrollmentKey' : 'commandKey';
  return pagesOf(result.rows.map(resultOf), (row) => row[parentOf], stretch);
}

/**
 * How many results each of many enrolments has.
 * @param states only results in these; null: all
 */
export function countEnrollmentResults(
  db: Queryable,
  viewer: Viewer,
  enrollmentKeys: readonly bigint[],
  states: readonly TargetState[] | null,
): Promise<ReadonlyMap<bigint, Count>> {
  return countFor(db, viewer, 'enrollment_key', enrollmentKeys, states);
}

/** How many results each of many commands has. */
export function countCommandResults(
  db: Queryable,
  viewer: Viewer,
  commandKeys: readonly bigint[],
): Promise<ReadonlyMap<bigint, Count>> {
  return countFor(db, viewer, 'command_key', commandKeys, null);
}

async function countFor(
  db: Queryable,
  viewer: Viewer,
  parent: 'enrollment_key' | 'command_key',
  keys: readonly bigint[],
  states: readonly TargetState[] | null,
): Promise<ReadonlyMap<bigint, Count>> {
  const wanted = conditionOf(states);
  const results = (key: string, statement: Params) =>
    `select from command_result r where r.${parent} = ${key} and ${wanted}
      and ${ownedBy(viewer, 'enrollment', 'r.enrollment_key', statement)}
      and ${ownedBy(viewer, 'command', 'r.command_key', statement)}`;
  const statement = params([keys.map(String)]);
  const { rows } = await inTime(
    db.query<{ key: string; count: number }>(
      `select parent.key, ${countedSql(results('parent.key', statement))} as count
       from unnest($1::bigint[]) as parent (key)`,
      statement.values,
    ),
    ['results'],
  );
  return countsOf(rows, (many) =>
    guessEach(db, many, (key) => {
      const one = params([String(key)]);
      return { text: results('$1', one), values: one.values };
    }),
  );
}

function conditionOf(states: readonly TargetState[] | null): string {
  const conditions = states?.flatMap((state) => historyIn(state) ?? []) ?? ['true'];
  return conditions.length === 0 ? 'false' : `(${conditions.join(' or ')})`;
}

/** Results by their keys. */
export async function resultsByKey(
  db: Queryable,
  viewer: Viewer,
  keys: readonly ResultKey[],
): Promise<ReadonlyMap<ResultKey, ResultRow>> {
  const rows = await rowsByKey<Row>(db, viewer, 'results', columns, keys);
  return new Map(rows.map(resultOf).map((row) => [resultKey(row), row]));
}

/** A result, and its report as it is stored (sealed). */
export interface ResultWithReport {
  readonly row: ResultRow;
  /** Null also where it is too long to be read along. */
  readonly report: Buffer | null;
}

/** Reports up to this long are read along with their results, in bytes: a page may have 500 of them. */
const shortReport = 16_384;

/** Results by their keys, with those of their reports that are short. */
export async function resultsWithReports(
  db: Queryable,
  viewer: Viewer,
  keys: readonly ResultKey[],
): Promise<readonly ResultWithReport[]> {
  const rows = await rowsByKey<Row & { readonly report: Buffer | null }>(
    db,
    viewer,
    'results-with-reports',
    `${columns}, case when octet_length(r.result) <= ${shortReport} then r.result end as report`,
    keys,
  );
  return rows.map((row) => ({ row: resultOf(row), report: row.report }));
}

/** By one prepared statement: subscribers' pages ask for it again and again. */
async function rowsByKey<R extends Row>(
  db: Queryable,
  viewer: Viewer,
  name: string,
  selected: string,
  keys: readonly ResultKey[],
): Promise<readonly R[]> {
  const statement = params();
  const wanted = unnestKeys(keys, statement);
  const { rows } = await db.query<R>({
    name: viewer.tenant === null ? name : `${name}-of-tenant`,
    text: `select ${selected}, e.id, c.uuid, c.request_type
     from ${wanted}
     ${eachResult}
     join enrollment e on e.key = r.enrollment_key and ${visibleTo(viewer, 'e', statement)}
     join command c on c.key = r.command_key and ${visibleTo(viewer, 'c', statement)}`,
    values: statement.values,
  });
  return rows;
}

/** The result of a command at an enrolment, by the names that both are known by outside. */
export async function findResult(
  db: Queryable,
  viewer: Viewer,
  enrollmentId: string,
  commandUuid: string,
): Promise<ResultRow | null> {
  const statement = params([enrollmentId, commandUuid]);
  const result = await db.query<Row>(
    `select ${columns}, e.id, c.uuid, c.request_type
     from enrollment e
     join command c on c.uuid = $2 and ${visibleTo(viewer, 'c', statement)}
     join command_result r on r.enrollment_key = e.key and r.command_key = c.key
     where e.id = $1 and ${visibleTo(viewer, 'e', statement)}
     order by c.key limit 1`,
    statement.values,
  );
  const row = result.rows[0];
  return row === undefined ? null : resultOf(row);
}

/** The bytes of reports as they are stored (sealed), by the results' keys, however long they are. */
export async function resultBytes(
  db: Queryable,
  viewer: Viewer,
  keys: readonly ResultKey[],
): Promise<ReadonlyMap<ResultKey, Buffer>> {
  const statement = params();
  const wanted = unnestKeys(keys, statement);
  const result = await db.query<{ enrollment_key: string; command_key: string; result: Buffer }>(
    `select r.enrollment_key, r.command_key, r.result
     from ${wanted}
     ${eachResult}
     join enrollment e on e.key = r.enrollment_key and ${visibleTo(viewer, 'e', statement)}
     join command c on c.key = r.command_key and ${visibleTo(viewer, 'c', statement)}
     where r.result is not null`,
    statement.values,
  );
  return new Map(
    result.rows.map((row): [ResultKey, Buffer] => [
      resultKey({
        enrollmentKey: BigInt(row.enrollment_key),
        commandKey: BigInt(row.command_key),
      }),
      row.result,
    ]),
  );
}

function unnestKeys(keys: readonly ResultKey[], statement: Params): string {
  const pairs = keys.map((key) => key.split('/'));
  const enrollments = statement.add(
    pairs.map((pair) => pair[0]),
    'bigint[]',
  );
  const commands = statement.add(
    pairs.map((pair) => pair[1]),
    'bigint[]',
  );
  return `unnest(${enrollments}, ${commands}) as wanted (enrollment_key, command_key)`;
}

function resultOf(row: Row): ResultRow {
  return {
    enrollmentKey: BigInt(row.enrollment_key),
    commandKey: BigInt(row.command_key),
    enrollmentId: row.id,
    commandUuid: row.uuid,
    requestType: row.request_type,
    ended: row.ended,
    status: row.status,
    notNowAt: row.not_now_at,
    notNowTally: row.not_now_tally,
    firstSentAt: row.first_sent_at,
    queuedAt: row.queued_at,
    endedAt: row.ended_at,
    answeredAt: row.answered_at,
  };
}
