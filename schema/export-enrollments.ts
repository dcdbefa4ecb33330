import type { ExportEnrollmentsAnswer } from '../server/mdm/export/request.ts';
import { builder } from './builder.ts';
import { mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { Job } from './job.ts';
import { ofTenant } from './load.ts';
import { ChannelsEnum, TargetsInput, targetsOf } from './targets.ts';

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
    validateOnly: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Only answer how many enrolments it would be.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const ExportEnrollmentsPayload = builder
  .objectRef<ExportEnrollmentsAnswer>('ExportEnrollmentsPayload')
  .implement({
    description: 'An export that is under way.',
    fields: (t) => ({
      job: t.prismaField({
        type: Job,
        nullable: true,
        description:
          'The job that writes the file: follow it with `jobProgress`. Null with `validateOnly`, and ' +
          'for a token without jobs:read.',
        resolve: (query, { jobId }, _args, { prisma, viewer }) =>
          jobId === null || !viewer.scopes.has('jobs:read')
            ? null
            : prisma.job.findFirst({ ...query, where: { id: jobId, ...ofTenant(viewer) } }),
      }),
      url: t.exposeString('url', {
        nullable: true,
        description:
          'Where to GET the file once the job has succeeded, for a day, with a token that has ' +
          'secrets:read: a path on the address of this graph. Null with `validateOnly`.',
      }),
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments.' }),
      cursor: t.exposeString('cursor', {
        description: "The event stream's position from before: subscribe after it to miss nothing.",
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'Whether an earlier, equal request had done it already.',
      }),
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
    errors: {
      types: mutationErrors,
      union: {
        name: 'ExportEnrollmentsResult',
        description: 'The outcomes of `exportEnrollments`.',
      },
    },
    args: {
      input: t.arg({
        type: ExportEnrollmentsInput,
        required: true,
        description: 'What to export.',
      }),
    },
    resolve: async (_root, { input }, context) =>
      context.useCases.exportEnrollments(context.viewer, {
        targets: await targetsOf(context, input.targets, input.channels, ['input', 'targets']),
        validateOnly: input.validateOnly,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
