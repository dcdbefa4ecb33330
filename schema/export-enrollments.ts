import type { ExportEnrollmentsAnswer } from '../server/mdm/export/request.ts';
import { answerFields, jobField, sampleField } from './answer.ts';
import { builder } from './builder.ts';
import { askedFields, bulkOf } from './bulk.ts';
import { outcomesOf, targetErrors } from './errors.ts';
import { ChannelsEnum, TargetsInput } from './targets.ts';

const ExportEnrollmentsInput = builder.inputType('ExportEnrollmentsInput', {
  description: 'What to export.',
  fields: (t) => ({
    targets: t.field({ type: TargetsInput, required: true, description: 'Which enrolments.' }),
    channels: t.field({
      type: ChannelsEnum,
      required: true,
      defaultValue: 'ALL',
      description:
        'Which channels a filter, or `all`, means. Users come into another server only with their device.',
    }),
    ...askedFields(t, 'Only answer how many enrolments it would be.'),
  }),
});

const ExportEnrollmentsPayload = builder
  .objectRef<ExportEnrollmentsAnswer>('ExportEnrollmentsPayload')
  .implement({
    description: 'An export that is under way.',
    fields: (t) => ({
      job: jobField(
        t,
        'The job that writes the file: follow it with `jobProgress`. Null with `validateOnly`, and ' +
          'for a token without jobs:read.',
      ),
      url: t.exposeString('url', {
        nullable: true,
        description:
          'Where to GET the file once the job has succeeded, for a day, with a token that has ' +
          'secrets:read: a path on the address of this graph. Null with `validateOnly`.',
      }),
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments.' }),
      enrollments: sampleField(t),
      ...answerFields(t),
      validateOnly: t.exposeBoolean('validateOnly', {
        description: 'Whether nothing is exported.',
      }),
    }),
  });

builder.mutationField('exportEnrollments', (t) =>
  t.field({
    type: ExportEnrollmentsPayload,
    description:
      'Exports enrolments with all that belongs to them, secrets in clear, as a job: the same records ' +
      'that `migrateEnrollments` takes.',
    authScopes: { scope: 'secrets:read' },
    errors: outcomesOf('exportEnrollments', targetErrors),
    args: {
      input: t.arg({
        type: ExportEnrollmentsInput,
        required: true,
        description: 'What to export.',
      }),
    },
    resolve: async (_root, { input }, context) =>
      context.useCases.exportEnrollments(context.viewer, await bulkOf(context, input)),
  }),
);
