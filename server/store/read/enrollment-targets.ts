import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { type SqlCondition, compileEnrollmentFilter } from './enrollment-filter.ts';

/** The enrolments that targets mean, as a condition over `enrollment e`; see `compileEnrollmentFilter`. */
export function compileTargets(
  targets: Targets,
  tenant: TenantId | null,
  firstParam: number,
): SqlCondition {
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  const channels = 'ids' in targets ? 'ALL' : targets.channels;
  return compileEnrollmentFilter(filter, { tenant, channels }, firstParam);
}
