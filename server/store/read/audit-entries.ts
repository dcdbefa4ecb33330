import type { Viewer } from '../../model/viewer.ts';
import { inTime } from '../too-expensive.ts';
import { type Page, type Queryable, type Stretch, pageOf, params, stretchSql } from './keyset.ts';
import {
  type TimedPosition,
  fromBehind,
  positionsOf,
  timeInMicros,
  timedStretchSql,
} from './timed-stretch.ts';

/** Which audit entries: every member that is given must hold. */
export interface AuditFilter {
  readonly actors?: readonly string[];
  readonly actions?: readonly string[];
  /** From this time on. */
  readonly from?: Date;
  /** Before this time. */
  readonly until?: Date;
}

/**
 * A page of audit entries, the newest first: by their keys, or by their times where the filter names times.
 * An entry tells when its mutation began, and others may have come between.
 */
export async function auditPage(
  db: Queryable,
  viewer: Viewer,
  { actors, actions, from, until }: AuditFilter,
  stretch: Stretch<TimedPosition>,
): Promise<Page<TimedPosition>> {
  const ascending = fromBehind(stretch);
  const statement = params();
  const oneOf = (column: string, list: readonly string[]) => {
    // One is by far the usual number, and alone it is read in the order of its index.
    const [first, ...more] = list;
    return first !== undefined && more.length === 0
      ? `${column} = ${statement.add(first, 'text')}`
      : `${column} = any (${statement.add(list, 'text[]')})`;
  };
  const conditions = [
    'true',
    ...(viewer.tenant === null ? [] : [`a.tenant_id = ${statement.add(viewer.tenant, 'int')}`]),
    ...(actors ? [oneOf('a.actor', actors)] : []),
    ...(actions ? [oneOf('a.action', actions)] : []),
  ].join(' and ');
  const bound = (position: TimedPosition | null) =>
    position === null ? null : [statement.add(String(position.key), 'bigint')];
  const { where, tail } =
    from === undefined && until === undefined
      ? stretchSql(
          ['a.key'],
          { after: bound(ascending.after), before: bound(ascending.before) },
          ascending,
        )
      : timedStretchSql(
          { table: 'audit_entry', alias: 'a', time: 'at' },
          { from, before: until },
          ascending,
          statement,
        );
  const result = await inTime(
    db.query<{ key: string; micros: string }>(
      `select a.key, ${timeInMicros('a.at')} as micros
       from audit_entry a where ${conditions} ${where} ${tail}`,
      statement.values,
    ),
    ['filter'],
  );
  const { rows, more } = pageOf(positionsOf(result.rows), ascending);
  return { rows: rows.toReversed(), more };
}
