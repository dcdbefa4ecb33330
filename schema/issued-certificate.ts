import type { Prisma } from '../generated/prisma/client.ts';
import type { RevokeCertificateAnswer } from '../server/mdm/enroll/revoke-certificate.ts';
import { batched } from './batch.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { EnrollmentInvitation } from './enrollment-invitation.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { isUuid } from './job.ts';
import { keyList } from './key-page.ts';
import { linkEnrollment, nodesQuery, ofTenant } from './load.ts';

const readers = { scope: 'pki:read' } as const;

/** What was begun and never handed out is no certificate. */
const handedOut = { sha256: { not: null } } as const satisfies Prisma.IssuedCertificateWhereInput;

/** The devices that certificates were bound to, by the certificates' hashes. */
const deviceOfLevel = batched<string, bigint, null>(async ({ prisma }: GraphContext, hashes) => {
  const rows = await prisma.deviceCertificate.findMany({
    select: { sha256: true, deviceKey: true },
    where: { sha256: { in: hashes.map((hash) => Buffer.from(hash, 'hex')) } },
  });
  return new Map(rows.map((row) => [Buffer.from(row.sha256).toString('hex'), row.deviceKey]));
});

export const IssuedCertificate = builder.prismaNode('IssuedCertificate', {
  description: "A device's certificate that the device authority issued.",
  select: { serial: true },
  authScopes: readers,
  nullable: true,
  id: { field: 'serial', description: 'Opaque global id.' },
  findUnique: (serial, { viewer }) => ({
    serial: serial.includes('\0') ? '' : serial,
    ...ofTenant(viewer),
    AND: [handedOut],
  }),
  fields: (t) => ({
    serialNumber: t.exposeString('serial', { description: 'Its serial number, hexadecimal.' }),
    sha256: t.string({
      description: 'SHA-256 of the certificate, hexadecimal.',
      select: { sha256: true },
      resolve: ({ sha256 }) => Buffer.from(sha256 ?? []).toString('hex'),
    }),
    subject: t.exposeString('subject', {
      description: 'Its subject, as RFC 4514 writes it; may be empty.',
    }),
    issuerSha256: t.string({
      description: "SHA-256 of the authority's certificate that issued it, hexadecimal.",
      select: { issuerSha256: true },
      resolve: ({ issuerSha256 }) => Buffer.from(issuerSha256).toString('hex'),
    }),
    certificate: t.expose('certificate', {
      type: 'Base64',
      nullable: true,
      description: 'The certificate, DER.',
    }),
    notBefore: t.expose('notBefore', { type: 'DateTime', description: 'When it began.' }),
    expiresAt: t.expose('notAfter', { type: 'DateTime', description: 'When it ends.' }),
    issuedAt: t.expose('issuedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was issued.',
    }),
    transactionId: t.exposeString('transactionId', { description: 'The SCEP transaction.' }),
    renewalOf: t.string({
      nullable: true,
      description: 'SHA-256 of the certificate that signed its request and is so renewed.',
      select: { renewalOf: true },
      resolve: ({ renewalOf }) =>
        renewalOf === null ? null : Buffer.from(renewalOf).toString('hex'),
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null: it was not.',
    }),
    revokedBy: t.exposeString('revokedBy', { nullable: true, description: 'Who revoked it.' }),
    revokedReason: t.exposeString('revokedReason', {
      nullable: true,
      description: 'Why it was revoked, as it was given.',
    }),
    invitation: t.prismaField({
      type: EnrollmentInvitation,
      nullable: true,
      description:
        'The invitation whose challenge allowed it; null also for a token without invitations:read.',
      select: { invitationId: true },
      resolve: (query, { invitationId }, _args, { prisma, viewer }) =>
        invitationId === null || !viewer.scopes.has('invitations:read')
          ? null
          : prisma.enrollmentInvitation.findFirst({
              ...query,
              where: { id: invitationId, enrollmentKey: null, ...ofTenant(viewer) },
            }),
    }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description:
        'The device that enrolled with it; null also for a token without enrollments:read.',
      select: { sha256: true },
      resolve: async (query, { sha256 }, _args, context) => {
        if (sha256 === null || !context.viewer.scopes.has('enrollments:read')) return null;
        const hash = Buffer.from(sha256).toString('hex');
        return linkEnrollment(
          context,
          (await deviceOfLevel(context, '', hash, null)) ?? null,
          query,
        );
      },
    }),
  }),
});

const IssuedCertificateFilter = builder.inputType('IssuedCertificateFilter', {
  description: 'Which certificates. All that is given must hold.',
  fields: (t) => ({
    invitationId: t.string({ description: 'Natural id of the invitation that allowed them.' }),
    revoked: t.boolean({ description: 'Whether they are revoked.' }),
    serialNumbers: t.stringList({ description: 'Their serial numbers, hexadecimal.' }),
    sha256: t.stringList({ description: 'SHA-256 of the certificates, hexadecimal.' }),
  }),
});

const certificatePage = keyList('issuedCertificates', 'desc', (row: { key: bigint }) => row.key);

builder.queryField('issuedCertificates', (t) =>
  t.connection({
    type: IssuedCertificate,
    description: 'The certificates that the device authority issued, the newest first.',
    authScopes: readers,
    args: { filter: t.arg({ type: IssuedCertificateFilter, description: 'Which of them.' }) },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { prisma, viewer } = context;
      const query: { select?: Prisma.IssuedCertificateSelect } = nodesQuery(context, info, 'key');
      return certificatePage(args, ({ key, order, take }) =>
        prisma.issuedCertificate.findMany({
          ...query,
          where: { ...ofTenant(viewer), key, AND: [handedOut, ...conditions(filter ?? {})] },
          orderBy: { key: order },
          take,
        }),
      );
    },
  }),
);

type Maybe<T> = T | null | undefined;

function conditions(filter: {
  readonly invitationId?: Maybe<string>;
  readonly revoked?: Maybe<boolean>;
  readonly serialNumbers?: Maybe<readonly string[]>;
  readonly sha256?: Maybe<readonly string[]>;
}): Prisma.IssuedCertificateWhereInput[] {
  const { invitationId, revoked, serialNumbers, sha256 } = filter;
  const none = '00000000-0000-0000-0000-000000000000';
  return [
    ...(typeof invitationId === 'string'
      ? [{ invitationId: isUuid(invitationId) ? invitationId : none }]
      : []),
    ...(typeof revoked === 'boolean' ? [{ revokedAt: revoked ? { not: null } : null }] : []),
    ...(serialNumbers
      ? [{ serial: { in: serialNumbers.map((one) => one.toLowerCase().replaceAll('\0', '')) } }]
      : []),
    ...(sha256 ? [{ sha256: { in: sha256.map((one) => Buffer.from(one, 'hex')) } }] : []),
  ];
}

const RevokePayload = builder
  .objectRef<RevokeCertificateAnswer>('RevokeIssuedCertificatePayload')
  .implement({
    description: 'The certificate that was revoked.',
    fields: (t) => ({
      certificate: t.prismaField({
        type: IssuedCertificate,
        nullable: true,
        description: 'The certificate; null for a token without pki:read.',
        resolve: (query, { serialNumber }, _args, { prisma, viewer }) =>
          viewer.scopes.has('pki:read')
            ? prisma.issuedCertificate.findFirst({
                ...query,
                where: { serial: serialNumber, ...ofTenant(viewer) },
              })
            : null,
      }),
      ...answerFields(t),
    }),
  });

const RevokeInput = builder.inputType('RevokeIssuedCertificateInput', {
  description: 'Which certificate, and why.',
  fields: (t) => ({
    serialNumber: t.string({ required: true, description: 'Its serial number, hexadecimal.' }),
    reason: t.string({ description: 'Why, for people; at most 200 characters.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationField('revokeIssuedCertificate', (t) =>
  t.field({
    type: RevokePayload,
    description:
      'Revokes a certificate: within seconds every process refuses what is signed with it (status 400), ' +
      'and it renews nothing. Its device can come back only by enrolling anew.',
    authScopes: { scope: 'pki:write' },
    errors: outcomesOf('revokeIssuedCertificate', mutationErrors),
    args: { input: t.arg({ type: RevokeInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.revokeIssuedCertificate(viewer, {
        serialNumber: input.serialNumber,
        reason: input.reason?.replaceAll('\0', '').slice(0, 200) ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
