import type { UnenrollResult } from '../server/mdm/unenroll/unenroll.ts';
import { answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { Enrollment } from './enrollment.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { ofTenant } from './load.ts';

const UnenrollMethod = builder.enumType('UnenrollMethod', {
  description: 'How a device is made to leave.',
  values: {
    REMOVE_PROFILE: { description: 'A RemoveProfile command is queued for it.' },
    UNRECOGNIZED_DEVICE: {
      description:
        "Its next contact is answered 403 with Apple's code: iOS and tvOS 17, macOS 14, visionOS 1.1, " +
        'watchOS 10 or newer un-enrol.',
    },
    UNAUTHORIZED: { description: 'Its next contact is answered 401, for systems older than that.' },
  } as const,
});

const UnenrollInput = builder.inputType('UnenrollInput', {
  description: 'Which device, and how.',
  fields: (t) => ({
    enrollmentId: t.id({
      required: true,
      description: 'The device: its global or its natural id.',
    }),
    method: t.field({
      type: UnenrollMethod,
      required: true,
      defaultValue: 'REMOVE_PROFILE',
      description: 'How.',
    }),
    profileIdentifier: t.string({
      description:
        'For REMOVE_PROFILE: PayloadIdentifier of the profile that enrolled the device. Not needed where ' +
        'that is on record: for devices that enrolled by a profile of this server.',
    }),
    idempotencyKey: t.string({
      description:
        'A key of your own for this request: the same key is done once, within 24 hours.',
    }),
  }),
});

const UnenrollPayload = builder.objectRef<UnenrollResult>('UnenrollPayload').implement({
  description: 'What was done to make a device leave.',
  fields: (t) => ({
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The device; null for a token without enrollments:read.',
      resolve: (query, { enrollmentId }, _args, { prisma, viewer }) =>
        viewer.scopes.has('enrollments:read')
          ? prisma.enrollment.findFirst({
              ...query,
              where: { id: enrollmentId, ...ofTenant(viewer) },
            })
          : null,
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The RemoveProfile that was queued, with that method.',
      resolve: (query, { commandUuid }, _args, { prisma, viewer }) =>
        commandUuid === null || !viewer.scopes.has('commands:read')
          ? null
          : prisma.command.findFirst({
              ...query,
              where: { uuid: commandUuid, ...ofTenant(viewer) },
              orderBy: { key: 'desc' },
            }),
    }),
    ...answerFields(t),
  }),
});

builder.mutationField('unenroll', (t) =>
  t.field({
    type: UnenrollPayload,
    description: 'Makes one device leave: management ends on it, and it has to enrol to come back.',
    authScopes: { scope: 'commands:write' },
    errors: outcomesOf('unenroll', mutationErrors),
    args: {
      input: t.arg({ type: UnenrollInput, required: true, description: 'Which device, and how.' }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.unenroll(viewer, {
        // No id has a NUL, and PostgreSQL takes none: replaced, it is an id that nobody has.
        enrollmentId: enrollmentIdOf(input.enrollmentId).replaceAll('\0', '\ufffd'),
        method: input.method,
        profileIdentifier: input.profileIdentifier ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
