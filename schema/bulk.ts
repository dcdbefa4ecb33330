import { ValidationError } from '../server/model/errors.ts';
import type { Targets } from '../server/model/targets.ts';
import type { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { ChannelsEnum, type TargetsArgument, TargetsInput, targetsOf } from './targets.ts';

type InputFields = PothosSchemaTypes.InputFieldBuilder<
  typeof builder.$inferSchemaTypes,
  'InputObject'
>;

type ChannelsName = 'DEVICE' | 'ALL';

/** Which channels targets mean that are not ids. */
export function channelsField(t: InputFields, defaultValue: ChannelsName) {
  return t.field({
    type: ChannelsEnum,
    required: true,
    defaultValue,
    description: 'Which channels a filter, or `all`, means. Ids name theirs.',
  });
}

/** How a mutation on many is asked: for real or not, and as which request. */
export function askedFields(
  t: InputFields,
  validateOnly = 'Change nothing; only answer how many and which it would be.',
) {
  return {
    validateOnly: t.boolean({ required: true, defaultValue: false, description: validateOnly }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  };
}

/** `validateOnly` of what queues commands. */
export const queueNothing = 'Queue nothing; only answer how many and which it would be.';

/** Whom a mutation on many means, and how it is asked. */
export function bulkFields(
  t: InputFields,
  {
    targets,
    channels,
    validateOnly,
  }: {
    /** Describes the field. */
    readonly targets: string;
    /** What is meant unless it is said. */
    readonly channels: ChannelsName;
    /** Describes the field. */
    readonly validateOnly?: string;
  },
) {
  return {
    targets: t.field({ type: TargetsInput, required: true, description: targets }),
    channels: channelsField(t, channels),
    ...askedFields(t, validateOnly),
  };
}

/** What the use cases take for `bulkFields`. */
export async function bulkOf(
  context: Pick<GraphContext, 'lists'>,
  input: {
    readonly targets: TargetsArgument;
    readonly channels: 'DEVICE' | 'USER' | 'ALL';
    readonly validateOnly: boolean;
    readonly idempotencyKey?: string | null | undefined;
  },
): Promise<{
  readonly targets: Targets;
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}> {
  return {
    targets: await targetsOf(context, input.targets, input.channels, ['input', 'targets']),
    validateOnly: input.validateOnly,
    idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
  };
}

/**
 * What the use cases take for `expectedCount`.
 * @param of what is counted, as the error says it
 * @throws {ValidationError} it is no count
 */
export function expectedCountOf(
  count: number | null | undefined,
  of: 'enrolments' | 'entries',
): number | null {
  if (typeof count !== 'number') return null;
  if (count >= 0) return count;
  throw new ValidationError('NEGATIVE', `\`expectedCount\` is a number of ${of}.`, [
    'input',
    'expectedCount',
  ]);
}

/** What was refused, each by the id that the caller gave: a natural one or a global one. */
export function asGiven<Refused extends { readonly id: string }>(
  { ids }: TargetsArgument,
  refused: readonly Refused[],
): Refused[] {
  const given = new Map(ids?.map((id) => [enrollmentIdOf(id), id]));
  return refused.map((one) => ({ ...one, id: given.get(one.id) ?? one.id }));
}
