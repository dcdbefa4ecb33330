import type { ChangeTagsAnswer, ChangeTagsInput } from '../server/mdm/enrollments/change-tags.ts';
import type { SetNotesAnswer } from '../server/mdm/enrollments/set-notes.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { mutationErrors, targetErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { type EnrollmentQuery, findEnrollmentsById, ofTenant } from './load.ts';
import { ChannelsEnum, TargetsInput, targetsOf } from './targets.ts';

const writers = { scope: 'enrollments:write' } as const;

const TagEnrollmentsInput = builder.inputType('TagEnrollmentsInput', {
  description: 'Which tags, and of which enrolments.',
  fields: (t) => ({
    targets: t.field({ type: TargetsInput, required: true, description: 'Which enrolments.' }),
    channels: t.field({
      type: ChannelsEnum,
      required: true,
      defaultValue: 'DEVICE',
      description: 'Which channels a filter, or `all`, means. Ids name theirs.',
    }),
    tags: t.stringList({
      required: true,
      description:
        'The tags: 1 to 50, each of 1 to 100 characters, none of them a control character.',
    }),
    validateOnly: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Change nothing; only answer how many and which it would be.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

type InputShape = typeof TagEnrollmentsInput.$inferInput;

/** The first of an answer's enrolments; none for a token that may not read them. */
async function loadSample(context: GraphContext, ids: readonly string[], query: EnrollmentQuery) {
  if (!context.viewer.scopes.has('enrollments:read')) return [];
  const found = await findEnrollmentsById(context, ids, query);
  return ids.flatMap((id) => found.get(id) ?? []);
}

function payload(name: 'TagEnrollmentsPayload' | 'UntagEnrollmentsPayload') {
  return builder.objectRef<ChangeTagsAnswer>(name).implement({
    description: 'What was done, or with `validateOnly` what would be.',
    fields: (t) => ({
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments are meant.' }),
      changedCount: t.exposeInt('changedCount', {
        description: 'How many of them have other tags now.',
      }),
      enrollments: t.prismaField({
        type: [Enrollment],
        description:
          'The first enrolments that are meant, at most 100, by id; none for a token without ' +
          'enrollments:read.',
        resolve: (query, { sample }, _args, context) => loadSample(context, sample, query),
      }),
      unknownIds: t.stringList({
        description: 'Of the ids, those that no enrolment has: the first 100.',
        resolve: ({ unknown }) => unknown.slice(0, 100),
      }),
      cursor: t.exposeString('cursor', {
        description: "The event stream's position from before: subscribe after it to miss nothing.",
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'Whether an earlier, equal request had done it already.',
      }),
      validateOnly: t.exposeBoolean('validateOnly', {
        description: 'Whether nothing was changed.',
      }),
    }),
  });
}

const TagEnrollmentsPayload = payload('TagEnrollmentsPayload');
const UntagEnrollmentsPayload = payload('UntagEnrollmentsPayload');

async function change(
  action: ChangeTagsInput['action'],
  input: InputShape,
  context: GraphContext,
): Promise<ChangeTagsAnswer> {
  return context.useCases.changeTags(context.viewer, {
    action,
    tags: input.tags,
    targets: await targetsOf(context, input.targets, input.channels, ['input', 'targets']),
    validateOnly: input.validateOnly,
    idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
  });
}

builder.mutationField('tagEnrollments', (t) =>
  t.field({
    type: TagEnrollmentsPayload,
    description: 'Gives tags to enrolments; one that they have already stays.',
    authScopes: writers,
    errors: {
      types: targetErrors,
      union: { name: 'TagEnrollmentsResult', description: 'The outcomes of `tagEnrollments`.' },
    },
    args: {
      input: t.arg({ type: TagEnrollmentsInput, required: true, description: 'Which, of which.' }),
    },
    resolve: (_root, { input }, context) => change('ADD', input, context),
  }),
);

builder.mutationField('untagEnrollments', (t) =>
  t.field({
    type: UntagEnrollmentsPayload,
    description: 'Takes tags from enrolments, as far as they have them.',
    authScopes: writers,
    errors: {
      types: targetErrors,
      union: { name: 'UntagEnrollmentsResult', description: 'The outcomes of `untagEnrollments`.' },
    },
    args: {
      input: t.arg({ type: TagEnrollmentsInput, required: true, description: 'Which, of which.' }),
    },
    resolve: (_root, { input }, context) => change('REMOVE', input, context),
  }),
);

const SetEnrollmentNotesInput = builder.inputType('SetEnrollmentNotesInput', {
  description: 'What to note of which enrolment.',
  fields: (t) => ({
    enrollmentId: t.id({ required: true, description: 'Its global or its natural id.' }),
    notes: t.string({
      description: 'The notes, at most 10,000 characters; null or empty takes them away.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const SetEnrollmentNotesPayload = builder
  .objectRef<SetNotesAnswer>('SetEnrollmentNotesPayload')
  .implement({
    description: 'Whose notes were written.',
    fields: (t) => ({
      enrollment: t.prismaField({
        type: Enrollment,
        nullable: true,
        description: 'The enrolment; null for a token without enrollments:read.',
        resolve: (query, { enrollmentId }, _args, { prisma, viewer }) =>
          viewer.scopes.has('enrollments:read')
            ? prisma.enrollment.findFirst({
                ...query,
                where: { id: enrollmentId, ...ofTenant(viewer) },
              })
            : null,
      }),
      cursor: t.exposeString('cursor', {
        description: "The event stream's position from before: subscribe after it to miss nothing.",
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'Whether an earlier, equal request had done it already.',
      }),
    }),
  });

builder.mutationField('setEnrollmentNotes', (t) =>
  t.field({
    type: SetEnrollmentNotesPayload,
    description: 'Writes notes about an enrolment, in place of those it has.',
    authScopes: writers,
    errors: {
      types: mutationErrors,
      union: {
        name: 'SetEnrollmentNotesResult',
        description: 'The outcomes of `setEnrollmentNotes`.',
      },
    },
    args: {
      input: t.arg({
        type: SetEnrollmentNotesInput,
        required: true,
        description: 'What to note of which enrolment.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.setNotes(viewer, {
        // No id has a NUL, and PostgreSQL takes none: replaced, it is an id that nobody has.
        enrollmentId: enrollmentIdOf(input.enrollmentId).replaceAll('\0', '\ufffd'),
        notes: input.notes ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
