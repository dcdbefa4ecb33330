import type { CertificateFile, UploadAnswer } from '../server/mdm/push-certificates/upload.ts';
import { ValidationError } from '../server/model/errors.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { linkPushCertificate, PushCertificate } from './push-certificate.ts';

const PushCertificateSource = builder.inputType('PushCertificateSource', {
  description: 'A certificate with its private key: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    pem: t.string({
      description:
        'Certificate and key as PEM in one text, in any order and with a chain around them. The key ' +
        'may be PKCS #1, PKCS #8 or SEC1, encrypted or not.',
    }),
    pkcs12: t.field({ type: 'Base64', description: 'A PKCS #12 file (.p12, .pfx).' }),
  }),
});

const intent = {
  renews:
    'The topic that this has to renew: a certificate of another topic is refused. Say it whenever ' +
    'you renew.',
  newTopic:
    'Takes a topic that nothing is enrolled on while devices are enrolled on others. Without it such ' +
    'a certificate is refused, as it is mostly a renewal gone wrong.',
  force: 'Takes a certificate that has ended.',
};

const UploadPushCertificateInput = builder.inputType('UploadPushCertificateInput', {
  description: "One of Apple's push certificates, with its key.",
  fields: (t) => ({
    source: t.field({
      type: PushCertificateSource,
      required: true,
      description: 'Certificate and key.',
    }),
    password: t.string({
      description: 'The password of an encrypted key, or of the PKCS #12 file.',
    }),
    renews: t.string({ description: intent.renews }),
    newTopic: t.boolean({ required: true, defaultValue: false, description: intent.newTopic }),
    force: t.boolean({ required: true, defaultValue: false, description: intent.force }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const CompletePushCertificateRequestInput = builder.inputType(
  'CompletePushCertificateRequestInput',
  {
    description: "Apple's answer to a request that was made here.",
    fields: (t) => ({
      requestId: t.id({ required: true, description: 'The `requestId` of the request.' }),
      certificate: t.string({
        required: true,
        description: "The certificate that Apple's portal gave: PEM, or base64 of DER.",
      }),
      renews: t.string({ description: intent.renews }),
      newTopic: t.boolean({ required: true, defaultValue: false, description: intent.newTopic }),
      force: t.boolean({ required: true, defaultValue: false, description: intent.force }),
      idempotencyKey: t.string({ description: idempotencyKeyDescription }),
    }),
  },
);

const UploadPushCertificatePayload = builder
  .objectRef<UploadAnswer>('UploadPushCertificatePayload')
  .implement({
    description: 'The push certificate that was stored.',
    fields: (t) => ({
      topic: t.exposeString('topic', { description: 'Its topic.' }),
      version: t.exposeInt('version', {
        description: 'How many certificates the topic has had, this one counted.',
      }),
      pushCertificate: t.prismaField({
        type: PushCertificate,
        nullable: true,
        description: 'The certificate; null for a token without push:read.',
        resolve: (query, { topic }, _args, context) => linkPushCertificate(context, topic, query),
      }),
      ...answerFields(t),
    }),
  });

builder.mutationField('uploadPushCertificate', (t) =>
  t.field({
    type: UploadPushCertificatePayload,
    description:
      "Stores one of Apple's push certificates under its topic, in place of the one before.",
    authScopes: { scope: 'push:write' },
    errors: outcomesOf('uploadPushCertificate', mutationErrors),
    args: {
      input: t.arg({
        type: UploadPushCertificateInput,
        required: true,
        description: 'Certificate and key.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.uploadPushCertificate(viewer, {
        source: fileOf(input.source),
        password: input.password ?? null,
        renews: input.renews ?? null,
        newTopic: input.newTopic,
        force: input.force,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

builder.mutationField('completePushCertificateRequest', (t) =>
  t.field({
    type: UploadPushCertificatePayload,
    description:
      "Takes Apple's certificate for a request that was made here, and stores it with the request's key.",
    authScopes: { scope: 'push:write' },
    errors: outcomesOf('completePushCertificateRequest', mutationErrors),
    args: {
      input: t.arg({
        type: CompletePushCertificateRequestInput,
        required: true,
        description: 'Which request, and its certificate.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.completePushCertificateRequest(viewer, {
        requestId: input.requestId,
        certificate: input.certificate,
        renews: input.renews ?? null,
        newTopic: input.newTopic,
        force: input.force,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

function fileOf(source: { pem?: string | null; pkcs12?: Buffer | null }): CertificateFile {
  const { pem, pkcs12 } = source;
  if (typeof pem === 'string') return { pem };
  if (pkcs12) return { pkcs12 };
  throw new ValidationError('NO_SOURCE', 'Give `pem` or `pkcs12`.', ['input', 'source']);
}
