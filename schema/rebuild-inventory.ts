import type { TargetsJobAnswer } from '../server/mdm/jobs/over-targets.ts';
import { answerFields, jobField, sampleField } from './answer.ts';
import { builder } from './builder.ts';
import { asGiven, bulkFields, bulkOf } from './bulk.ts';
import { TargetRefused } from './enqueue-command.ts';
import { outcomesOf, targetErrors } from './errors.ts';

const RebuildInventoryInput = builder.inputType('RebuildInventoryInput', {
  description: 'Whose inventory to derive anew.',
  fields: (t) => ({
    ...bulkFields(t, {
      targets: 'Whose.',
      channels: 'ALL',
      validateOnly: 'Rebuild nothing; only answer how many enrolments it would be.',
    }),
  }),
});

const RebuildInventoryPayload = builder
  .objectRef<TargetsJobAnswer>('RebuildInventoryPayload')
  .implement({
    description: 'What is being rebuilt, or with `validateOnly` would be.',
    fields: (t) => ({
      job: jobField(
        t,
        'The job that rebuilds: follow it with `jobProgress`. Null with `validateOnly`, and for a ' +
          'token without jobs:read.',
      ),
      targetCount: t.exposeInt('targetCount', { description: 'How many enrolments.' }),
      enrollments: sampleField(t),
      refused: t.field({
        type: [TargetRefused],
        description: 'The ids that name no enrolment: the first 100.',
        resolve: ({ refused }) => refused.slice(0, 100),
      }),
      ...answerFields(t),
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
    errors: outcomesOf('rebuildInventory', targetErrors),
    args: {
      input: t.arg({ type: RebuildInventoryInput, required: true, description: 'Whose.' }),
    },
    resolve: async (_root, { input }, context) => {
      const { useCases, viewer } = context;
      const answer = await useCases.rebuildInventory(viewer, {
        ...(await bulkOf(context, input)),
      });
      return { ...answer, refused: asGiven(input.targets, answer.refused) };
    },
  }),
);
