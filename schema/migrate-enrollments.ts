import type { MigrateEnrollmentsAnswer } from '../server/mdm/migration/request.ts';
import { jobField, answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { isUuid } from './job.ts';

const MigrateEnrollmentsInput = builder.inputType('MigrateEnrollmentsInput', {
  description: 'What to import.',
  fields: (t) => ({
    uploadId: t.id({
      required: true,
      description:
        'The upload with the records: lines of JSON, as docs/migrate-records.md describes them.',
    }),
    tenant: t.string({
      description:
        "The tenant that all of it comes to belong to, by name. Absent: the token's, else the default one.",
    }),
    validateOnly: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Try everything and change nothing: the job lists what could not come in. The upload stays ' +
        'good for the import itself.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const MigrateEnrollmentsPayload = builder
  .objectRef<MigrateEnrollmentsAnswer>('MigrateEnrollmentsPayload')
  .implement({
    description: 'An import that is under way.',
    fields: (t) => ({
      job: jobField(
        t,
        'The job that imports: follow it with `jobProgress`. Its errors name the lines that did ' +
          'not come in. Null for a token without jobs:read.',
      ),
      lines: t.exposeInt('lines', { description: 'How many records the upload has.' }),
      ...answerFields(t),
      validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing is changed.' }),
    }),
  });

builder.mutationField('migrateEnrollments', (t) =>
  t.field({
    type: MigrateEnrollmentsPayload,
    description:
      'Imports enrolments with all that belongs to them, from an upload, as a job. It is safe to do ' +
      'again: what devices have told this server themselves wins over what is older.',
    authScopes: { scope: 'enrollments:write' },
    errors: outcomesOf('migrateEnrollments', mutationErrors),
    args: {
      input: t.arg({
        type: MigrateEnrollmentsInput,
        required: true,
        description: 'What to import.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) => {
      const uploadId = input.uploadId.toLowerCase();
      return useCases.migrateEnrollments(viewer, {
        uploadId: isUuid(uploadId) ? uploadId : null,
        tenant: input.tenant ?? null,
        validateOnly: input.validateOnly,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      });
    },
  }),
);
