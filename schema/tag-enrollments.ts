import type { ChangeTagsAnswer, ChangeTagsInput } from '../server/mdm/enrollments/change-tags.ts';
import type { SetNotesAnswer } from '../server/mdm/enrollments/set-notes.ts';
import { answerFields, sampleField } from './answer.ts';
import { builder } from './builder.ts';
import { bulkFields, bulkOf } from './bulk.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { outcomesOf, mutationErrors, targetErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { ofTenant } from './load.ts';

const writers = { scope: 'enrollments:write' } as const;

const TagEnrollmentsInput = builder.inputType('TagEnrollmentsInput', {
  description: 'Which tags, and of which enrolments.',
  fields: (t) => ({
    ...bulkFields(t, { targets: 'Which enrolments.', channels: 'DEVICE' }),
    tags: t.stringList({
      required: true,
      description:
        'The tags: 1 to 50, each of 1 to 100 characters, none of them a control character.',
    }),
  }),
});

type InputShape = typeof TagEnrollmentsInput.$inferInput;

function payload(name: 'TagEnrollmentsPayload' | 'UntagEnrollmentsPayload') {
  return builder.objectRef<ChangeTagsAnswer>(name).implement({
    description: 'What was done, or with `validateOnly` what would be.',
    fields: (t) => ({
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments are meant.' }),
      changedCount: t.exposeInt('changedCount', {
        description: 'How many of them have other tags now.',
      }),
      enrollments: sampleField(t),
      unknownIds: t.stringList({
        description: 'Of the ids, those that no enrolment has: the first 100.',
        resolve: ({ unknown }) => unknown.slice(0, 100),
      }),
      ...answerFields(t),
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
    ...(await bulkOf(context, input)),
  });
}

builder.mutationField('tagEnrollments', (t) =>
  t.field({
    type: TagEnrollmentsPayload,
    description: 'Gives tags to enrolments; one that they have already stays.',
    authScopes: writers,
    errors: outcomesOf('tagEnrollments', targetErrors),
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
    errors: outcomesOf('untagEnrollments', targetErrors),
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
      ...answerFields(t),
    }),
  });

builder.mutationField('setEnrollmentNotes', (t) =>
  t.field({
    type: SetEnrollmentNotesPayload,
    description: 'Writes notes about an enrolment, in place of those it has.',
    authScopes: writers,
    errors: outcomesOf('setEnrollmentNotes', mutationErrors),
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
