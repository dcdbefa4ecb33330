import { ValidationError } from '../server/model/errors.ts';
import type { Channels, Targets } from '../server/model/targets.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { EnrollmentFilterInput, type FilterInput, targetFilterOf } from './enrollment-filter.ts';
import { enrollmentIdOf } from './enrollment-id.ts';

/** What a mutation's `targets` and `channels` say. */
export interface TargetsArgument {
  readonly ids?: string[] | null;
  readonly filter?: FilterInput | null;
  readonly all?: boolean | null;
}

/** More ids than this belong into a filter, or into several requests. */
const maxIds = 100_000;

export const TargetsInput = builder.inputType('TargetsInput', {
  description: 'Which enrolments a mutation works on: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    ids: t.idList({ description: 'These: natural ids or global ones, of any channel.' }),
    filter: t.field({ type: EnrollmentFilterInput, description: 'All that the filter finds.' }),
    all: t.boolean({ description: '`true`: every enrolment.' }),
  }),
});

export const ChannelsEnum = builder.enumType('Channels', {
  description: 'Which channels a filter, or `all`, means.',
  values: {
    DEVICE: { description: "Devices' own channels." },
    USER: { description: "Devices' users' channels." },
    ALL: { description: 'Both.' },
  } as const satisfies Readonly<Record<Channels, { readonly description: string }>>,
});

/**
 * What the use cases take for targets.
 * @throws {ValidationError} an empty list or filter, null, or `all: false`: none of them may mean "all"
 */
export async function targetsOf(
  { lists }: Pick<GraphContext, 'lists'>,
  { ids, filter, all }: TargetsArgument,
  channels: Channels,
  path: readonly string[],
): Promise<Targets> {
  if (ids) return { ids: readIds(ids, [...path, 'ids']) };
  if (filter) return { filter: await targetFilterOf(lists, filter, [...path, 'filter']), channels };
  if (all === true) return { all: true, channels };
  throw new ValidationError(
    'NO_TARGETS',
    'Say which enrolments: ids, a filter, or `all: true`.',
    typeof all === 'boolean' ? [...path, 'all'] : path,
  );
}

function readIds(ids: readonly string[], path: readonly string[]): readonly string[] {
  if (ids.length === 0) {
    throw new ValidationError('EMPTY_LIST', '`ids` is an empty list.', path);
  }
  if (ids.length > maxIds) {
    throw new ValidationError('TOO_MANY', `At most ${maxIds} ids at once.`, path);
  }
  return ids.map((id, index) => {
    const natural = enrollmentIdOf(id);
    if (natural !== '' && !natural.includes('\0')) return natural;
    throw new ValidationError('NOT_AN_ID', 'This is no id of an enrolment.', [
      ...path,
      String(index),
    ]);
  });
}
