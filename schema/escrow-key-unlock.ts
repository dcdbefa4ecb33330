import type { EscrowKeyUnlockAnswer } from '../server/mdm/escrow/unlock.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';

const EscrowKeyUnlockInput = builder.inputType('EscrowKeyUnlockInput', {
  description: 'A device whose Activation Lock is to be lifted, and the key that was kept for it.',
  fields: (t) => ({
    topic: t.string({
      required: true,
      description: 'Topic of the push certificate that says to Apple who asks.',
    }),
    serialNumber: t.string({ required: true, description: "The device's serial number." }),
    productType: t.string({
      required: true,
      description: "The device's product type, such as `iPad8,1`.",
    }),
    imei: t.string({ description: "The device's IMEI, if it has one." }),
    imei2: t.string({ description: "The device's second IMEI, if it has one." }),
    meid: t.string({ description: "The device's MEID, if it has one." }),
    organizationName: t.string({
      required: true,
      description: 'Who asks, as a person reads it.',
    }),
    guid: t.string({ required: true, description: 'An identifier of whoever asks.' }),
    escrowKey: t.string({
      required: true,
      description: 'The bypass code of the Activation Lock. Passed on to Apple, never kept.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const EscrowKeyUnlockPayload = builder
  .objectRef<EscrowKeyUnlockAnswer>('EscrowKeyUnlockPayload')
  .implement({
    description: "What Apple's service answered.",
    fields: (t) => ({
      unlocked: t.boolean({
        description: 'Whether Apple answered that it was done (status 200).',
        resolve: ({ status }) => status === 200,
      }),
      status: t.exposeInt('status', { description: "HTTP status of Apple's answer." }),
      body: t.exposeString('body', { description: "Apple's answer as it came, mostly JSON." }),
      ...answerFields(t),
    }),
  });

builder.mutationField('escrowKeyUnlock', (t) =>
  t.field({
    type: EscrowKeyUnlockPayload,
    description:
      "Asks Apple to lift a device's Activation Lock by the key that was kept in escrow for it.",
    authScopes: { scope: 'commands:write' },
    errors: outcomesOf('escrowKeyUnlock', mutationErrors),
    args: {
      input: t.arg({
        type: EscrowKeyUnlockInput,
        required: true,
        description: 'Which device, and its key.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.escrowKeyUnlock(viewer, {
        topic: input.topic.replaceAll('\0', '\ufffd'),
        unlock: {
          serial: input.serialNumber,
          productType: input.productType,
          ...(input.imei && { imei: input.imei }),
          ...(input.imei2 && { imei2: input.imei2 }),
          ...(input.meid && { meid: input.meid }),
          orgName: input.organizationName,
          guid: input.guid,
          escrowKey: input.escrowKey,
        },
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
