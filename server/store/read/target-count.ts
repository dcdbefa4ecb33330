import type { PoolClient } from 'pg';
import type { SqlCondition } from './enrollment-filter.ts';

/** Whom something is about, or would be. */
export interface TargetCount {
  readonly count: number;
  /** The first ids in order, at most 100. */
  readonly sample: readonly string[];
}

/** Counts the enrolments that a condition over `enrollment e` means, and names the first of them. */
export async function countTargets(
  db: Pick<PoolClient, 'query'>,
  condition: SqlCondition,
): Promise<TargetCount> {
  const { rows } = await db.query<TargetCount>(
    `
with meant as materialized (select e.id from enrollment e where ${condition.sql})
select count(*)::int as count, array(select id from meant order by id limit 100) as sample from meant`,
    condition.values,
  );
  return rows[0] ?? { count: 0, sample: [] };
}
