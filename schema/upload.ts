import type { CreateUploadAnswer } from '../server/mdm/uploads/create.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { isUuid } from './job.ts';
import { ofTenant } from './load.ts';

const importers = { scope: 'enrollments:write' } as const;

const states = ['WAITING', 'RECEIVING', 'READY', 'FAILED', 'USED'] as const;

const UploadState = builder.enumType('UploadState', {
  description: 'What an upload is good for.',
  values: {
    WAITING: { description: 'Its file can be sent.' },
    RECEIVING: { description: 'Its file is being sent, or the sending was given up.' },
    READY: { description: 'Its file has arrived whole and can be worked on.' },
    FAILED: { description: 'Its file cannot be used; `problem` says why.' },
    USED: { description: 'A job has its file.' },
  } as const,
});

const Upload = builder.prismaObject('Upload', {
  description: 'A file that is sent beside the graph, line by line, for a mutation to work on.',
  authScopes: importers,
  fields: (t) => ({
    uploadId: t.exposeString('id', { description: 'Its id.' }),
    state: t.field({
      type: UploadState,
      description: 'What it is good for.',
      select: { state: true },
      resolve: ({ state }) => states.find((one) => one === state) ?? 'FAILED',
    }),
    lines: t.exposeInt('lines', { description: 'Lines that have arrived, blank ones aside.' }),
    problem: t.exposeString('problem', {
      nullable: true,
      description: 'Why it cannot be used.',
    }),
    problemLine: t.exposeInt('problemLine', {
      nullable: true,
      description: 'The line that the problem is in.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'Until when it can be filled and used.',
    }),
  }),
});

builder.queryField('upload', (t) =>
  t.prismaField({
    type: Upload,
    nullable: true,
    description: "An upload by its id; null when this token's tenant has none with it.",
    authScopes: importers,
    args: { uploadId: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (query, _root, { uploadId }, { prisma, viewer }) =>
      isUuid(uploadId)
        ? prisma.upload.findFirst({ ...query, where: { id: uploadId, ...ofTenant(viewer) } })
        : null,
  }),
);

const CreateUploadInput = builder.inputType('CreateUploadInput', {
  description: 'A place for a file.',
  fields: (t) => ({
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const CreateUploadPayload = builder.objectRef<CreateUploadAnswer>('CreateUploadPayload').implement({
  description: 'Where to send a file.',
  fields: (t) => ({
    uploadId: t.exposeString('uploadId', {
      description: 'Its id, for the mutation that works on the file.',
    }),
    url: t.exposeString('url', {
      description:
        'Where to PUT the file, once, with the same token: a path on the address of this graph. ' +
        '`Content-Encoding: gzip` is understood.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'Until when it can be filled and used.',
    }),
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
  }),
});

builder.mutationField('createUpload', (t) =>
  t.field({
    type: CreateUploadPayload,
    description:
      'Makes a place for a file of lines, such as `migrateEnrollments` takes. The file is sent by ' +
      'HTTP, not in the graph, so that it may have any size.',
    authScopes: importers,
    errors: outcomesOf('createUpload', mutationErrors),
    args: {
      input: t.arg({ type: CreateUploadInput, required: true, description: 'A place for a file.' }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.createUpload(viewer, { idempotencyKey: idempotencyKeyOf(input.idempotencyKey) }),
  }),
);
