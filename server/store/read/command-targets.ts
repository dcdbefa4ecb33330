import { type TargetState, targetStates } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { type CommandProgress, commandProgress } from './command-progress.ts';
import { type Count, countedSql, countsOf } from './count.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  ownedBy,
  stretchOfParentSql,
  stretchSql,
  visibleTo,
} from './keyset.ts';
import { historyIn, historyState, queueIn, queueState } from './target-state.ts';

/** How one enrolment's part in a command stands. */
export interface TargetRow {
  readonly commandKey: bigint;
  readonly enrollmentKey: bigint;
  readonly enrollmentId: string;
  readonly state: TargetState;
  /** The device's own word. */
  readonly status: string | null;
  /** Why it was refused. */
  readonly rule: string | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date | null;
  readonly endedAt: Date | null;
  readonly answeredAt: Date | null;
}

interface Row {
  readonly command_key: string;
  readonly enrollment_key: string;
  readonly id: string;
  readonly state: string;
  readonly status: string | null;
  readonly rule: string | null;
  readonly not_now_at: Date | null;
  readonly not_now_tally: number;
  readonly first_sent_at: Date | null;
  readonly queued_at: Date | null;
  readonly ended_at: Date | null;
  readonly answered_at: Date | null;
}

/**
 * A page of the targets of each of many commands, in the order in which enrolments were made: a merge
 * of queue, history and refusals, in one statement. A target moves from the queue to history in one
 * transaction, and its position is its enrolment's, so no page shows it twice or leaves it out.
 * @param states only targets in these; null: all
 */
export async function targetPages(
  db: Queryable,
  viewer: Viewer,
  commandKeys: readonly bigint[],
  states: readonly TargetState[] | null,
  stretch: Stretch<bigint>,
): Promise<ReadonlyMap<bigint, Page<TargetRow>>> {
  const statement = params([commandKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: bigint | null) =>
    position === null ? null : ([statement.add(String(position), 'bigint')] as const);
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };

  // Each target's enrolment is looked up by itself: as a join it might be what PostgreSQL begins with.
  const parts = partsOf(states, ({ alias, from, columns, condition, isRare }) => {
    const [command, enrollment] = [`${alias}.command_key`, `${alias}.enrollment_key`] as const;
    const few = stretchSql([enrollment], bounds, stretch);
    const { where, tail } = isRare
      ? { where: `${command} = parent.key ${few.where}`, tail: few.tail }
      : stretchOfParentSql([command, enrollment], 'parent.key', bounds, stretch);
    return `(
  select ${alias}.command_key, ${alias}.enrollment_key, e.id, ${columns}
  from ${from} ${alias} cross join lateral (
    select e.id from enrollment e where e.key = ${enrollment} and ${visible} offset 0
  ) e
  where ${condition} and ${where} ${tail}
)`;
  });
  const { tail } = stretchSql(['part.enrollment_key'], { after: null, before: null }, stretch);
  const result = await db.query<Row>(
    `select target.* from unnest($1::bigint[]) as parent (key)
     cross join lateral (
       select part.* from (${parts.join('\nunion all\n')}) part ${tail}
     ) target
     order by target.command_key, target.enrollment_key ${stretch.fromEnd ? 'desc' : ''}`,
    statement.values,
  );
  return pagesOf(result.rows.map(targetOf), (row) => row.commandKey, stretch);
}

/** One of the tables that a command's targets are in. */
interface Part {
  readonly alias: string;
  readonly from: string;
  readonly columns: string;
  readonly condition: string;
  /** Whether it is one ending of those that have an index of their own, by command and ending. */
  readonly isRare: boolean;
}

/** The tables that targets in these states are in; a target is in one of them. */
function partsOf(
  states: readonly TargetState[] | null,
  write: (part: Part) => string,
): readonly string[] {
  const inQueue = (condition: string) =>
    write({ alias: 'q', from: 'queue_entry', columns: queueColumns, condition, isRare: false });
  const inHistory = (condition: string, isRare: boolean) =>
    write({ alias: 'r', from: 'command_result', columns: historyColumns, condition, isRare });
  const parts =
    states === null
      ? [inQueue('true'), inHistory('true', false)]
      : states.flatMap((state) => {
          const waiting = queueIn(state);
          const ended = historyIn(state);
          return [
            ...(waiting === null ? [] : [inQueue(waiting)]),
            ...(ended === null ? [] : [inHistory(ended, state !== 'ACKNOWLEDGED')]),
          ];
        });
  if (states !== null && !states.includes('REFUSED')) return parts;
  return [
    ...parts,
    write({
      alias: 'f',
      from: 'command_refusal',
      columns: refusalColumns,
      condition: 'true',
      isRare: false,
    }),
  ];
}

/**
 * How many targets each of many commands has. What is more than is counted is taken from the counts that
 * the projector keeps: they are behind by moments, and know nothing of what retention took.
 * @param states only targets in these; null: all
 */
export async function countTargets(
  db: Queryable,
  viewer: Viewer,
  commandKeys: readonly bigint[],
  states: readonly TargetState[] | null,
): Promise<ReadonlyMap<bigint, Count>> {
  const statement = params([commandKeys.map(String)]);
  const parts = partsOf(states, ({ alias, from, condition }) => {
    const seen = ownedBy(viewer, 'enrollment', `${alias}.enrollment_key`, statement);
    return `select from ${from} ${alias}
      where ${alias}.command_key = parent.key and ${condition} and ${seen}`;
  });
  const { rows } = await inTime(
    db.query<{ key: string; count: number }>(
      `select parent.key, ${countedSql(`select from (${parts.join('\nunion all\n')}) part`)} as count
       from unnest($1::bigint[]) as parent (key)`,
      statement.values,
    ),
    ['targets'],
  );
  return countsOf(rows, async (keys) => {
    const progress = await commandProgress(db, viewer, keys);
    return new Map([...progress].map(([key, counts]) => [key, sumOf(counts, states)]));
  });
}

function sumOf(progress: CommandProgress, states: readonly TargetState[] | null): number {
  return (states ?? targetStates).reduce((sum, state) => sum + progress[tallyOf[state]], 0);
}

const tallyOf = {
  PENDING: 'pending',
  NOT_NOW: 'notNow',
  ACKNOWLEDGED: 'acknowledged',
  ERROR: 'error',
  REFUSED: 'refused',
  CANCELLED: 'cancelled',
  CLEARED: 'cleared',
  EXPIRED: 'expired',
  UNENROLLED: 'unenrolled',
  MOVED: 'moved',
  RE_ENROLLED: 'reEnrolled',
} as const satisfies Readonly<Record<TargetState, keyof CommandProgress>>;

const queueColumns = `${queueState} as state, null as status, null as rule, q.not_now_at,
    q.not_now_tally, q.first_sent_at, q.queued_at, null::timestamptz as ended_at,
    null::timestamptz as answered_at`;
const historyColumns = `${historyState} as state, r.status, null as rule, r.not_now_at,
    r.not_now_tally, r.first_sent_at, r.queued_at, r.ended_at, r.answered_at`;
const refusalColumns = `'REFUSED' as state, null as status, f.rule, null::timestamptz as not_now_at,
    0 as not_now_tally, null::timestamptz as first_sent_at, null::timestamptz as queued_at,
    f.at as ended_at, null::timestamptz as answered_at`;

function targetOf(row: Row): TargetRow {
  const state = targetStates.find((one) => one === row.state);
  if (state === undefined) throw new TypeError(`Unknown ending of a command: ${row.state}`);
  return {
    commandKey: BigInt(row.command_key),
    enrollmentKey: BigInt(row.enrollment_key),
    enrollmentId: row.id,
    state,
    status: row.status,
    rule: row.rule,
    notNowAt: row.not_now_at,
    notNowTally: row.not_now_tally,
    firstSentAt: row.first_sent_at,
    queuedAt: row.queued_at,
    endedAt: row.ended_at,
    answeredAt: row.answered_at,
  };
}
