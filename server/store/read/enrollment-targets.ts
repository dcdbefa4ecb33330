import type { FailedState, Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { type SqlCondition, compileEnrollmentFilter } from './enrollment-filter.ts';
import { historyIn } from './target-state.ts';

/** The enrolments that targets mean, as a condition over `enrollment e`; see `compileEnrollmentFilter`. */
export function compileTargets(
  targets: Targets,
  tenant: TenantId | null,
  firstParam: number,
): SqlCondition {
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  const channels = 'ids' in targets ? 'ALL' : targets.channels;
  const meant = compileEnrollmentFilter(filter, { tenant, channels }, firstParam);
  if (!('filter' in targets) || targets.failedOf === undefined) return meant;
  const { commandKey, states } = targets.failedOf;
  const failed = failedAt(`$${firstParam + meant.values.length}::bigint`, states);
  return { sql: `(${meant.sql}) and ${failed}`, values: [...meant.values, commandKey] };
}

/** Whoever has done it after all, only too late, has not failed. */
function failedAt(commandKey: string, states: readonly FailedState[]): string {
  const ended = states.flatMap((state) => historyIn(state) ?? []);
  const parts = ended.map(
    (condition) => `select r.enrollment_key from command_result r
     where r.command_key = ${commandKey} and ${condition}
       and r.status is distinct from 'Acknowledged'`,
  );
  if (states.includes('REFUSED')) {
    parts.push(
      `select f.enrollment_key from command_refusal f where f.command_key = ${commandKey}`,
    );
  }
  return parts.length === 0 ? 'false' : `e.key in (${parts.join(' union all ')})`;
}
