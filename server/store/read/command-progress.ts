import type { Viewer } from '../../model/viewer.ts';
import { laneCount } from '../projection/lanes.ts';
import { type Queryable, params, visibleTo } from './keyset.ts';

/** The projection that keeps the counts. */
export const commandCounts = 'command-counts';

/** How many targets of a command stand how. */
export interface CommandProgress {
  /** All that it was meant for. */
  readonly total: number;
  readonly pending: number;
  readonly notNow: number;
  readonly acknowledged: number;
  readonly error: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly cleared: number;
  readonly expired: number;
  readonly unenrolled: number;
  readonly reEnrolled: number;
  readonly moved: number;
  /** Whether it waits for nobody any more. */
  readonly finished: boolean;
  /** Number of the event stream up to which at least these are the counts. */
  readonly upTo: bigint;
}

interface Row {
  readonly key: string;
  readonly target_count: number;
  readonly refused_count: number;
  readonly not_now: number;
  readonly acknowledged: number;
  readonly error: number;
  readonly cancelled: number;
  readonly cleared: number;
  readonly expired: number;
  readonly unenrolled: number;
  readonly re_enrolled: number;
  readonly moved: number;
  readonly position: string | null;
}

/** How commands get on, by their keys. */
export async function commandProgress(
  db: Queryable,
  viewer: Viewer,
  keys: readonly bigint[],
): Promise<ReadonlyMap<bigint, CommandProgress>> {
  const statement = params([keys.map(String)]);
  const counted = ['not_now', 'acknowledged', 'error', 'cancelled', 'cleared', 'expired'];
  const columns = [...counted, 'unenrolled', 're_enrolled', 'moved'].map(
    (name) => `coalesce(n.${name}, 0) as ${name}`,
  );
  const result = await db.query<Row>(
    `select c.key, c.target_count, c.refused_count, ${columns.join(', ')}, l.position
     from command c
     left join command_count n on n.command_key = c.key
     left join projection_lane l on l.projection = '${commandCounts}'
       and l.lane = c.key % ${laneCount}
     where c.key = any($1::bigint[]) and ${visibleTo(viewer, 'c', statement)}`,
    statement.values,
  );
  return new Map(result.rows.map((row) => [BigInt(row.key), progressOf(row)]));
}

function progressOf(row: Row): CommandProgress {
  const ended =
    row.acknowledged + row.error + row.cancelled + row.cleared + row.expired + row.unenrolled;
  const left = row.target_count - ended - row.re_enrolled - row.moved;
  return {
    total: row.target_count + row.refused_count,
    pending: Math.max(0, left - row.not_now),
    notNow: row.not_now,
    acknowledged: row.acknowledged,
    error: row.error,
    refused: row.refused_count,
    cancelled: row.cancelled,
    cleared: row.cleared,
    expired: row.expired,
    unenrolled: row.unenrolled,
    reEnrolled: row.re_enrolled,
    moved: row.moved,
    finished: left <= 0,
    upTo: BigInt(row.position ?? 0),
  };
}
