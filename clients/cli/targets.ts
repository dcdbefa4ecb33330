import type { TargetsInput } from '../../generated/gql/graphql.ts';
import type { Flags, Values } from './command.ts';
import { usage } from './failure.ts';
import { filterFlags, filterOf } from './filter.ts';

/** Flags that say to whom. */
export const targetFlags = {
  to: {
    type: 'list',
    value: 'ID',
    open: true,
    what: 'to these: UDIDs, or other enrolment ids',
  },
  all: { type: 'switch', what: 'to every enrolment' },
  ...filterFlags,
} as const satisfies Flags;

/** @throws {Failure} they say nothing, or more than one thing */
export function targetsOf(flags: Values<typeof targetFlags>): TargetsInput {
  const targets = optionalTargetsOf(flags);
  if (targets) return targets;
  throw usage('To whom?', 'Say --to ID…, a filter such as --tag lab, or --all.');
}

/** @throws {Failure} they say more than one thing */
export function optionalTargetsOf(flags: Values<typeof targetFlags>): TargetsInput | undefined {
  const filter = filterOf(flags);
  const ways = [flags.to.length > 0, flags.all, filter !== undefined].filter(Boolean).length;
  if (ways > 1) throw usage('--to, --all and a filter do not go together.');
  if (flags.to.length > 0) return { ids: flags.to };
  if (flags.all) return { all: true };
  return filter === undefined ? undefined : { filter };
}
