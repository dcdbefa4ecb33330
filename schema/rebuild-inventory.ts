import type { RebuildInventoryAnswer } from '../server/mdm/inventory/rebuild-request.ts';
import { builder } from './builder.ts';
import { TargetRefused } from './enqueue-command.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { targetErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { Job } from './job.ts';
import { ofTenant } from './load.ts';
import { ChannelsEnum, TargetsInput, targetsOf } from './targets.ts';

const RebuildInventoryInput = builder.inputType('RebuildInventoryInput', {
  description: 'Whose inventory to derive anew.',
  fields: (t) => ({
    targets: t.field({ type: TargetsInput, required: true, description: 'Whose.' }),
    channels: t.field({
      type: ChannelsEnum,
      required: true,
      defaultValue: 'ALL',
      description: 'Which channels a filter, or `all`, means. Ids name theirs.',
    }),
    validateOnly: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Rebuild nothing; only answer how many enrolments it would be.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const RebuildInventoryPayload = builder
  .objectRef<RebuildInventoryAnswer>('RebuildInventoryPayload')
  .implement({
    description: 'What is being rebuilt, or with `validateOnly` would be.',
    fields: (t) => ({
      job: t.prismaField({
        type: Job,
        nullable: true,
        description:
          'The job that rebuilds: follow it with `jobProgress`. Null with `validateOnly`, and for a ' +
          'token without jobs:read.',
        resolve: (query, { jobId }, _args, { prisma, viewer }) =>
          jobId === null || !viewer.scopes.has('jobs:read')
            ? null
            : prisma.job.findFirst({ ...query, where: { id: jobId, ...ofTenant(viewer) } }),
      }),
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments.' }),
      refused: t.field({
        type: [TargetRefused],
        description: 'The ids that name no enrolment: the first 100.',
        resolve: ({ refused }) => refused.slice(0, 100),
      }),
      cursor: t.exposeString('cursor', {
        description: "The event stream's position from before: subscribe after it to miss nothing.",
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'Whether an earlier, equal request had done it already.',
      }),
      validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing is rebuilt.' }),
    }),
  });

builder.mutationField('rebuildInventory', (t) =>
  t.field({
    type: RebuildInventoryPayload,
    description:
      'Clears the inventory of enrolments and derives it anew from the answers that are kept. Parts of ' +
      'which no answer is kept stay. Only what is different from before becomes history and events.',
    authScopes: { scope: 'enrollments:write' },
    errors: {
      types: targetErrors,
      union: { name: 'RebuildInventoryResult', description: 'The outcomes of `rebuildInventory`.' },
    },
    args: {
      input: t.arg({ type: RebuildInventoryInput, required: true, description: 'Whose.' }),
    },
    resolve: async (_root, { input }, context) => {
      const { useCases, viewer } = context;
      const given = new Map(input.targets.ids?.map((id) => [enrollmentIdOf(id), id]));
      const answer = await useCases.rebuildInventory(viewer, {
        targets: await targetsOf(context, input.targets, input.channels, ['input', 'targets']),
        validateOnly: input.validateOnly,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      });
      const refused = answer.refused.map((one) => ({ ...one, id: given.get(one.id) ?? one.id }));
      return { ...answer, refused };
    },
  }),
);
