import type {
  AuthoritySource,
  ChangeAuthorityAnswer,
} from '../server/mdm/enroll/change-authority.ts';
import { ValidationError } from '../server/model/errors.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';

const readers = { scope: 'pki:read' } as const;
const writers = { scope: 'pki:write' } as const;

const origins = ['MADE', 'RENEWED', 'IMPORTED', 'EXTERNAL'] as const;

const AuthorityOrigin = builder.enumType('DeviceAuthorityOrigin', {
  description: 'How a certificate of the device authority came to be.',
  values: {
    MADE: { description: 'The first start made it.' },
    RENEWED: { description: 'It was made to follow the one before.' },
    IMPORTED: { description: 'It was taken over, with its key.' },
    EXTERNAL: { description: 'It issues elsewhere; here it is trusted only.' },
  } as const,
});

const KeyKind = builder.enumType('DeviceAuthorityKeyKind', {
  description: 'The key of an authority.',
  values: {
    RSA: { description: 'RSA, 2048 bits.' },
    EC: {
      description:
        'The curve P-256. Devices speak SCEP with RSA only, so an RSA certificate stands in for it there.',
    },
  } as const,
});

const Generation = builder.prismaObject('DeviceAuthority', {
  variant: 'DeviceAuthorityGeneration',
  description: 'One certificate of the device authority. Its key is never shown.',
  select: { generation: true },
  authScopes: readers,
  fields: (t) => ({
    generation: t.exposeInt('generation', {
      description: 'Its number; the newest has the highest.',
    }),
    origin: t.field({
      type: AuthorityOrigin,
      description: 'How it came to be.',
      select: { origin: true },
      resolve: ({ origin }) => origins.find((one) => one === origin) ?? 'EXTERNAL',
    }),
    subject: t.exposeString('subject', { description: 'Its subject, as RFC 4514 writes it.' }),
    serialNumber: t.exposeString('serial', { description: 'Its serial number, hexadecimal.' }),
    sha256: t.string({
      description: 'SHA-256 of the certificate, hexadecimal.',
      select: { sha256: true },
      resolve: ({ sha256 }) => Buffer.from(sha256).toString('hex'),
    }),
    certificate: t.expose('certificate', { type: 'Base64', description: 'The certificate, DER.' }),
    notBefore: t.expose('notBefore', { type: 'DateTime', description: 'When it began.' }),
    expiresAt: t.expose('notAfter', { type: 'DateTime', description: 'When it ends.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Since when it is here.' }),
    createdBy: t.exposeString('createdBy', {
      description: 'Who brought it, such as `token:<name>`; `system`: the server itself.',
    }),
  }),
});

const DeviceAuthority = builder.objectRef<object>('DeviceAuthority').implement({
  description: "What devices' certificates come from: all of its generations are trusted.",
  authScopes: readers,
  fields: (t) => ({
    generations: t.prismaField({
      type: [Generation],
      description: 'Its certificates, the newest first.',
      resolve: (query, _parent, _args, { prisma }) =>
        prisma.deviceAuthority.findMany({ ...query, orderBy: { generation: 'desc' } }),
    }),
    issuing: t.prismaField({
      type: Generation,
      nullable: true,
      description: 'The one that issues: the newest whose key is here and that is valid now.',
      resolve: (query, _parent, _args, { prisma, now }) => {
        const at = now();
        return prisma.deviceAuthority.findFirst({
          ...query,
          where: { origin: { not: 'EXTERNAL' }, notBefore: { lte: at }, notAfter: { gte: at } },
          orderBy: { generation: 'desc' },
        });
      },
    }),
  }),
});

builder.queryField('deviceAuthority', (t) =>
  t.field({
    type: DeviceAuthority,
    nullable: true,
    description: "The server's own authority for devices; null when it has none.",
    authScopes: readers,
    resolve: async (_root, _args, { prisma }: GraphContext) =>
      (await prisma.deviceAuthority.count({ take: 1 })) === 0 ? null : {},
  }),
);

const ChangePayload = builder.objectRef<ChangeAuthorityAnswer>('DeviceAuthorityPayload').implement({
  description: 'The certificate that the device authority was given.',
  fields: (t) => ({
    generation: t.prismaField({
      type: Generation,
      nullable: true,
      description: 'The certificate; null for a token without pki:read.',
      resolve: (query, { generation }, _args, { prisma, viewer }) =>
        viewer.scopes.has('pki:read')
          ? prisma.deviceAuthority.findUnique({ ...query, where: { generation } })
          : null,
    }),
    ...answerFields(t),
  }),
});

const RenewInput = builder.inputType('RenewDeviceAuthorityInput', {
  description: 'What the new certificate is to be.',
  fields: (t) => ({
    keyKind: t.field({ type: KeyKind, description: 'Its key; as the settings say unless given.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationField('renewDeviceAuthority', (t) =>
  t.field({
    type: ChangePayload,
    description:
      'Gives the device authority a new certificate and key, which issues seconds later. Those before ' +
      'stay trusted until they end, and answer who has a profile with them.',
    authScopes: writers,
    errors: outcomesOf('renewDeviceAuthority', mutationErrors),
    args: { input: t.arg({ type: RenewInput, required: true, description: 'What it is to be.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.renewDeviceAuthority(viewer, {
        keyKind: input.keyKind ? (input.keyKind === 'RSA' ? 'rsa' : 'ec') : null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

const SourceInput = builder.inputType('DeviceAuthoritySourceInput', {
  description: 'An authority. Exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    pem: t.string({
      description: 'Certificate and private key, and certificates above it, in one PEM text.',
    }),
    pkcs12: t.field({ type: 'Base64', description: 'A PKCS #12 file, `.p12` or `.pfx`.' }),
    externalPem: t.string({
      description: 'The certificate alone, PEM: it issues elsewhere and is trusted here.',
    }),
  }),
});

const ImportInput = builder.inputType('ImportDeviceAuthorityInput', {
  description: 'An authority to take over.',
  fields: (t) => ({
    source: t.field({ type: SourceInput, required: true, description: 'The authority.' }),
    password: t.string({ description: 'The password of an encrypted key, or of the file.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationField('importDeviceAuthority', (t) =>
  t.field({
    type: ChangePayload,
    description:
      'Takes over an authority, with or without its key. With it, it issues from seconds later on.',
    authScopes: writers,
    errors: outcomesOf('importDeviceAuthority', mutationErrors),
    args: { input: t.arg({ type: ImportInput, required: true, description: 'The authority.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.importDeviceAuthority(viewer, {
        source: sourceOf(input.source),
        password: input.password ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

function sourceOf(source: {
  pem?: string | null;
  pkcs12?: Buffer | null;
  externalPem?: string | null;
}): AuthoritySource {
  const { pem, pkcs12, externalPem } = source;
  if (typeof pem === 'string') return { pem };
  if (pkcs12) return { pkcs12 };
  if (typeof externalPem === 'string') return { external: externalPem };
  throw new ValidationError('NO_SOURCE', 'Give `pem`, `pkcs12` or `externalPem`.', [
    'input',
    'source',
  ]);
}
