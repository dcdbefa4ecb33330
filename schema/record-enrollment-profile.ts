import type { RecordProfileAnswer } from '../server/mdm/renewal/record-profile.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { TargetsInput, targetsOf } from './targets.ts';

const RecordProfileInput = builder.inputType('RecordEnrollmentProfileInput', {
  description: 'Which devices were enrolled with which profile.',
  fields: (t) => ({
    targets: t.field({ type: TargetsInput, required: true, description: 'Which devices.' }),
    profile: t.field({
      type: 'Base64',
      required: true,
      description:
        'The .mobileconfig that they were enrolled with, signed or not. It is kept sealed, and sent ' +
        'again as it is; where it names the SCEP server here, with a challenge for each device.',
    }),
    validateOnly: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Record nothing; only answer for how many and which it would be.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const RecordProfilePayload = builder
  .objectRef<RecordProfileAnswer>('RecordEnrollmentProfilePayload')
  .implement({
    description: 'What was recorded, or with `validateOnly` would be.',
    fields: (t) => ({
      topic: t.exposeString('topic', { description: 'The topic that the profile names.' }),
      serverUrl: t.exposeString('serverUrl', { description: 'The ServerURL that it names.' }),
      recordedCount: t.exposeInt('recordedCount', { description: 'For how many devices.' }),
      otherTopicCount: t.exposeInt('otherTopicCount', {
        description: 'How many are on another topic, and were left as they are.',
      }),
      enrollmentIds: t.exposeStringList('sample', {
        description: 'The first of the devices, at most 100, by natural id.',
      }),
      ...answerFields(t),
      validateOnly: t.exposeBoolean('validateOnly', {
        description: 'Whether nothing was recorded.',
      }),
    }),
  });

builder.mutationField('recordEnrollmentProfile', (t) =>
  t.field({
    type: RecordProfilePayload,
    description:
      'Records with which profile devices were enrolled that came from another server, so that their ' +
      'certificates can be renewed: an update of a profile has to say what it said.',
    authScopes: { scope: 'enrollments:write' },
    errors: outcomesOf('recordEnrollmentProfile', mutationErrors),
    args: {
      input: t.arg({ type: RecordProfileInput, required: true, description: 'Which, and what.' }),
    },
    resolve: async (_root, { input }, context) =>
      context.useCases.recordEnrollmentProfile(context.viewer, {
        targets: await targetsOf(context, input.targets, 'DEVICE', ['input', 'targets']),
        profile: input.profile,
        validateOnly: input.validateOnly,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
