import type {
  CreateInvitationAnswer,
  RevokeInvitationAnswer,
} from '../server/mdm/enroll/invitations.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { NotFoundError } from '../server/model/errors.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { isUuid } from './job.ts';
import { keyList } from './key-page.ts';
import { nodesQuery, ofTenant } from './load.ts';

const readers = { scope: 'invitations:read' } as const;
const writers = { scope: 'invitations:write' } as const;

/** Challenges of renewal profiles are none of these. */
const forNewEnrollments = {
  enrollmentKey: null,
} as const satisfies Prisma.EnrollmentInvitationWhereInput;

const InvitationState = builder.enumType('EnrollmentInvitationState', {
  description: 'Whether an invitation can still be used.',
  values: {
    OPEN: { description: 'It can.' },
    USED_UP: { description: 'It has been used as often as it allowed.' },
    EXPIRED: { description: 'Its time is over.' },
    REVOKED: { description: 'It was ended before its time.' },
  } as const,
});

export const EnrollmentInvitation = builder.prismaNode('EnrollmentInvitation', {
  description: 'What allows devices to enrol. Its challenge is shown once, when it is made.',
  select: { id: true },
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({
    id: isUuid(id) ? id : '00000000-0000-0000-0000-000000000000',
    ...ofTenant(viewer),
    ...forNewEnrollments,
  }),
  fields: (t) => ({
    invitationId: t.exposeString('id', { description: 'Its natural id, a UUID.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'What it was made for.',
    }),
    tags: t.exposeStringList('tags', { description: 'Words to know its devices by.' }),
    topic: t.exposeString('topic', {
      nullable: true,
      description: 'The topic of its profiles; null: the one that there is a push certificate for.',
    }),
    state: t.field({
      type: InvitationState,
      description: 'Whether it can still be used.',
      select: { revokedAt: true, expiresAt: true, useCount: true, useLimit: true },
      resolve: ({ revokedAt, expiresAt, useCount, useLimit }, _args, { now }) => {
        if (revokedAt !== null) return 'REVOKED';
        if (useLimit !== null && useCount >= useLimit) return 'USED_UP';
        return expiresAt < now() ? 'EXPIRED' : 'OPEN';
      },
    }),
    useLimit: t.exposeInt('useLimit', {
      nullable: true,
      description: 'How many certificates it allows; null: no limit.',
    }),
    useCount: t.exposeInt('useCount', { description: 'How many it has allowed.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    createdBy: t.exposeString('createdBy', {
      description: 'Who made it, such as `token:<name>`.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked.',
    }),
    revokedBy: t.exposeString('revokedBy', { nullable: true, description: 'Who revoked it.' }),
  }),
});

/** Takes an invitation's global id or its natural one, and answers the natural one; null if it is none. */
function invitationIdOf(id: string): string | null {
  const decoded = Buffer.from(id, 'base64').toString('utf8');
  const [, natural = id] = /^EnrollmentInvitation:(.+)$/.exec(decoded) ?? [];
  return isUuid(natural) ? natural : null;
}

const invitationPage = keyList('enrollmentInvitations', 'desc', (row: { key: bigint }) => row.key);

builder.queryFields((t) => ({
  enrollmentInvitation: t.prismaField({
    type: EnrollmentInvitation,
    nullable: true,
    description:
      'An invitation by its global or natural id; null when there is none for this token.',
    authScopes: readers,
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (query, _root, { id }, { prisma, viewer }) => {
      const natural = invitationIdOf(id);
      if (natural === null) return null;
      return prisma.enrollmentInvitation.findFirst({
        ...query,
        where: { id: natural, ...ofTenant(viewer), ...forNewEnrollments },
      });
    },
  }),
  enrollmentInvitations: t.connection({
    type: EnrollmentInvitation,
    description: 'Invitations, the newest first.',
    authScopes: readers,
    resolve: (_root, args, context, info) => {
      const { prisma, viewer } = context;
      const query: { select?: Prisma.EnrollmentInvitationSelect } = nodesQuery(
        context,
        info,
        'key',
      );
      return invitationPage(args, ({ key, order, take }) =>
        prisma.enrollmentInvitation.findMany({
          ...query,
          where: { ...ofTenant(viewer), ...forNewEnrollments, key },
          orderBy: { key: order },
          take,
        }),
      );
    },
  }),
}));

const InvitationPayload = builder
  .interfaceRef<RevokeInvitationAnswer>('EnrollmentInvitationPayload')
  .implement({
    description: 'An invitation after something was done to it.',
    resolveType: (payload) =>
      'challenge' in payload
        ? 'CreateEnrollmentInvitationPayload'
        : 'RevokeEnrollmentInvitationPayload',
    fields: (t) => ({
      invitation: t.prismaField({
        type: EnrollmentInvitation,
        nullable: true,
        description: 'The invitation; null for a token without invitations:read.',
        resolve: (query, { invitationId }, _args, { prisma, viewer }) =>
          viewer.scopes.has('invitations:read')
            ? prisma.enrollmentInvitation.findFirst({
                ...query,
                where: { id: invitationId, ...ofTenant(viewer) },
              })
            : null,
      }),
      cursor: t.exposeString('cursor', {
        description: "The event stream's position from before: subscribe after it to miss nothing.",
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'Whether an earlier, equal request had done it already.',
      }),
    }),
  });

const CreatePayload = builder
  .objectRef<CreateInvitationAnswer>('CreateEnrollmentInvitationPayload')
  .implement({
    description: 'The invitation that was made.',
    interfaces: [InvitationPayload],
    fields: (t) => ({
      challenge: t.exposeString('challenge', {
        description:
          'The challenge password for SCEP: a secret that is shown here only. A repeat with the same ' +
          'idempotency key shows it again.',
      }),
      enrollmentUrl: t.exposeString('enrollmentUrl', {
        nullable: true,
        description:
          'The page to send to people, with the profile and a QR code; the challenge stands in it. Null ' +
          'as long as the server does not know its --public-url.',
      }),
    }),
  });

const RevokePayload = builder
  .objectRef<RevokeInvitationAnswer>('RevokeEnrollmentInvitationPayload')
  .implement({
    description: 'The invitation that was revoked.',
    interfaces: [InvitationPayload],
  });

const CreateInput = builder.inputType('CreateEnrollmentInvitationInput', {
  description: 'An invitation.',
  fields: (t) => ({
    description: t.string({ description: 'What it is for; at most 500 characters.' }),
    tags: t.stringList({
      required: true,
      defaultValue: [],
      description: 'Words to know its devices by; at most 50.',
    }),
    topic: t.string({
      description:
        'The topic of its profiles. Needed only when there are push certificates for several.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends; a week from now unless given.',
    }),
    useLimit: t.int({
      defaultValue: 1,
      description: 'How many certificates it allows; null: no limit.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationField('createEnrollmentInvitation', (t) =>
  t.field({
    type: CreatePayload,
    description: 'Makes an invitation, with which devices get their certificate and enrol.',
    authScopes: writers,
    errors: outcomesOf('createEnrollmentInvitation', mutationErrors),
    args: { input: t.arg({ type: CreateInput, required: true, description: 'The invitation.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.createEnrollmentInvitation(viewer, {
        description: input.description ?? null,
        tags: input.tags,
        topic: input.topic ?? null,
        expiresAt: input.expiresAt ?? null,
        useLimit: input.useLimit ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

const RevokeInput = builder.inputType('RevokeEnrollmentInvitationInput', {
  description: 'Which invitation.',
  fields: (t) => ({
    invitationId: t.id({ required: true, description: 'Its global or its natural id.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationField('revokeEnrollmentInvitation', (t) =>
  t.field({
    type: RevokePayload,
    description:
      'Ends an invitation before its time. Certificates that were issued on it stay as they are.',
    authScopes: writers,
    errors: outcomesOf('revokeEnrollmentInvitation', mutationErrors),
    args: { input: t.arg({ type: RevokeInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { useCases, viewer }) => {
      const invitationId = invitationIdOf(input.invitationId);
      if (invitationId === null) {
        throw new NotFoundError('UNKNOWN_INVITATION', 'There is no such invitation.', [
          'input',
          'invitationId',
        ]);
      }
      return useCases.revokeEnrollmentInvitation(viewer, {
        invitationId,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      });
    },
  }),
);
