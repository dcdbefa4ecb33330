import type { Prisma } from '../generated/prisma/client.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { DeviceEnrollment, Enrollment } from './enrollment.ts';
import { keyList } from './key-page.ts';
import { linkCommand, linkEnrollment, nodesQuery, ofTenant } from './load.ts';

const readers = { scope: 'enrollments:read' } as const;

const RenewalState = builder.enumType('CertificateRenewalState', {
  description: "How renewing a device's certificate stands.",
  values: {
    ASKED: {
      description: 'The profile is on its way to the device, or installed and not used yet.',
    },
    FAILED: { description: 'The last try came to nothing; the next is at `retryAt`.' },
    UNKNOWN_PROFILE: {
      description:
        'It is unknown which profile the device was enrolled with, so it is not renewed: supply it ' +
        'with `recordEnrollmentProfile`.',
    },
    ENDED: {
      description:
        'The certificate has ended, and what the device signs with it is refused: it has to enrol anew.',
    },
  } as const,
});

/** What to do about a renewal that does not go on by itself, by its reason. */
const advice: Readonly<Record<string, string>> = {
  UNKNOWN_PROFILE:
    'Supply the profile that the device was enrolled with: `recordEnrollmentProfile`. Or have it enrol anew.',
  ANSWERED_ERROR:
    "The device could not install the profile: the command's result says why. It is tried again by itself.",
  UNANSWERED:
    'The device has not come for the profile: see that it is online and can be pushed to. It is tried again by itself.',
  NOT_TAKEN:
    'The device says that it installed the profile, but goes on with its old certificate: see that it reaches the SCEP server. It is tried again by itself.',
  NO_PUBLIC_URL: 'Start the server with --public-url.',
  NOTHING_ISSUES: 'Renew the device authority: `renewDeviceAuthority`.',
  NO_DEVICE_AUTHORITY: 'Start the server with --device-ca, or name a SCEP server with --scep-url.',
  NO_SCEP_CHALLENGE: 'Set --scep-challenge to that of the SCEP server of --scep-url.',
};

const ended =
  'The certificate has ended, so the device cannot be heard: have it enrol anew, by an invitation.';

const CertificateRenewal = builder.prismaObject('CertificateRenewal', {
  name: 'CertificateRenewal',
  description:
    "How renewing a device's certificate stands: from when it is due until the device has another.",
  select: { enrollmentKey: true },
  fields: (t) => ({
    state: t.field({
      type: RenewalState,
      description: 'In a word.',
      select: { state: true },
      resolve: ({ state }) => states.find((one) => one === state) ?? 'FAILED',
    }),
    certificateSha256: t.string({
      description: 'SHA-256 of the certificate that is to be replaced, hexadecimal.',
      select: { certificateSha256: true },
      resolve: ({ certificateSha256 }) => Buffer.from(certificateSha256).toString('hex'),
    }),
    expiresAt: t.expose('notAfter', { type: 'DateTime', description: 'When that one ends.' }),
    attempts: t.exposeInt('attempts', { description: 'How often the device was asked.' }),
    askedAt: t.expose('askedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last asked.',
    }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is asked again by itself, if nothing comes of the last try.',
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description:
        'Why the last try that failed did: ANSWERED_ERROR, UNANSWERED, NOT_TAKEN, CANCELLED, …, or the ' +
        'code of what stood in the way of a profile.',
    }),
    advice: t.string({
      nullable: true,
      description: 'For people: what to do; null when there is nothing to do.',
      select: { state: true, reason: true },
      resolve: ({ state, reason }) =>
        state === 'ENDED' ? ended : state === 'ASKED' ? null : (advice[reason ?? ''] ?? null),
    }),
    noticedAt: t.expose('noticedAt', {
      type: 'DateTime',
      description: 'Since when it is listed.',
    }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The device.',
      resolve: (query, { enrollmentKey }, _args, context) =>
        linkEnrollment(context, enrollmentKey, query),
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The InstallProfile that asked it last; null for a token without commands:read.',
      select: { commandKey: true },
      resolve: (query, { commandKey }, _args, context) =>
        context.viewer.scopes.has('commands:read') ? linkCommand(context, commandKey, query) : null,
    }),
  }),
});

const states = ['ASKED', 'FAILED', 'UNKNOWN_PROFILE', 'ENDED'] as const;

builder.prismaObjectField(DeviceEnrollment, 'certificateRenewal', (t) =>
  t.relation('renewal', {
    type: CertificateRenewal,
    nullable: true,
    description: 'How renewing its certificate stands; null when that is not due.',
  }),
);

const CertificateRenewalFilter = builder.inputType('CertificateRenewalFilter', {
  description: 'Which renewals. All that is given must hold.',
  fields: (t) => ({
    states: t.field({ type: [RenewalState], description: 'In one of these states.' }),
    expiresBefore: t.field({
      type: 'DateTime',
      description: 'The certificate ends before this time.',
    }),
  }),
});

const renewalPage = keyList(
  'certificateRenewals',
  'asc',
  (row: { enrollmentKey: bigint }) => row.enrollmentKey,
);

builder.queryField('certificateRenewals', (t) =>
  t.connection({
    type: CertificateRenewal,
    description: 'The devices whose certificate is being renewed, should be, or has ended.',
    authScopes: readers,
    args: { filter: t.arg({ type: CertificateRenewalFilter, description: 'Which of them.' }) },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { prisma, viewer } = context;
      const query: { select?: Prisma.CertificateRenewalSelect } = nodesQuery(context, info);
      const where: Prisma.CertificateRenewalWhereInput = {
        ...(viewer.tenant !== null && { enrollment: ofTenant(viewer) }),
        ...(filter?.states && { state: { in: filter.states } }),
        ...(filter?.expiresBefore && { notAfter: { lt: filter.expiresBefore } }),
      };
      return renewalPage(args, ({ key, order, take }) =>
        prisma.certificateRenewal.findMany({
          ...query,
          where: { ...where, enrollmentKey: key },
          orderBy: { enrollmentKey: order },
          take,
        }),
      );
    },
  }),
);
