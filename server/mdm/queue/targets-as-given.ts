import type { EnrollmentFilter, Targets } from '../../model/targets.ts';

/**
 * Targets as they were given, as JSON for telling whether somebody asks for the same once more: without
 * what was found out for them in the meantime, such as whether texts are searched inside.
 */
export function asGiven(targets: Targets): unknown {
  return 'filter' in targets ? { ...targets, filter: given(targets.filter) } : targets;
}

function given(filter: EnrollmentFilter): unknown {
  const { and, or, not } = filter;
  return {
    ...filter,
    // JSON has no such member then.
    inside: undefined,
    ...(and && { and: and.map(given) }),
    ...(or && { or: or.map(given) }),
    ...(not && { not: given(not) }),
  };
}
