import type { MoveAnswer } from '../server/mdm/access/move-enrollments.ts';
import type { TenantAnswer } from '../server/mdm/access/tenants.ts';
import { jobField, answerFields } from './answer.ts';
import { builder } from './builder.ts';
import { askedFields, expectedCountOf } from './bulk.ts';
import { DeviceEnrollment } from './enrollment.ts';
import { outcomesOf, mutationErrors, targetErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { ofTenant } from './load.ts';
import { linkTenant, Tenant, tenantIdOf } from './tenant.ts';
import { TargetsInput, targetsOf } from './targets.ts';

const writers = { scope: 'tenants:write' } as const;

const TenantPayload = builder.objectRef<TenantAnswer>('TenantPayload').implement({
  description: 'A tenant after something was done to it.',
  fields: (t) => ({
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description: 'The tenant; null for a token without tenants:read.',
      resolve: (query, { tenant }, _args, context) => linkTenant(context, tenant, query),
    }),
    ...answerFields(t),
  }),
});

const CreateTenantInput = builder.inputType('CreateTenantInput', {
  description: 'A tenant.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Its name: 1 to 100 characters, no other has it.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const RenameTenantInput = builder.inputType('RenameTenantInput', {
  description: 'Which tenant, and its new name.',
  fields: (t) => ({
    tenantId: t.id({ required: true, description: 'Its global or its natural id.' }),
    name: t.string({
      required: true,
      description: 'Its name: 1 to 100 characters, no other has it.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

builder.mutationFields((t) => ({
  createTenant: t.field({
    type: TenantPayload,
    description: 'Makes a tenant. Needs a token that belongs to none.',
    authScopes: writers,
    errors: outcomesOf('createTenant', mutationErrors),
    args: { input: t.arg({ type: CreateTenantInput, required: true, description: 'The tenant.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.createTenant(viewer, {
        name: input.name,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
  renameTenant: t.field({
    type: TenantPayload,
    description: 'Gives a tenant another name.',
    authScopes: writers,
    errors: outcomesOf('renameTenant', mutationErrors),
    args: { input: t.arg({ type: RenameTenantInput, required: true, description: 'Which.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.renameTenant(viewer, {
        tenant: tenantIdOf(input.tenantId),
        name: input.name,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
}));

const MovePayload = builder.objectRef<MoveAnswer>('MoveEnrollmentsPayload').implement({
  description: 'What was moved, or with `validateOnly` what would be.',
  fields: (t) => ({
    movedCount: t.exposeInt('movedCount', {
      description:
        'How many devices; with a `job`, how many it has before it. Their users’ channels go with them ' +
        'and are not counted.',
    }),
    endedCount: t.exposeInt('endedCount', {
      description:
        'How many waiting commands ended by it, with the reason `MOVED`; those that a `job` ends are ' +
        'not counted.',
    }),
    job: jobField(
      t,
      'The job that moves them, for more than 500 devices: follow it by `jobProgress`. Null when they ' +
        'are moved already, and for a token without jobs:read.',
    ),
    sample: t.prismaField({
      type: [DeviceEnrollment],
      description: 'The first of the devices, at most 100; none without enrollments:read.',
      resolve: (query, { sample }, _args, { prisma, viewer }) =>
        viewer.scopes.has('enrollments:read')
          ? prisma.enrollment.findMany({
              ...query,
              where: { id: { in: [...sample] }, ...ofTenant(viewer) },
              orderBy: { id: 'asc' },
            })
          : [],
    }),
    validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing was moved.' }),
    ...answerFields(t),
  }),
});

const MoveInput = builder.inputType('MoveEnrollmentsInput', {
  description: 'Which devices, and whereto.',
  fields: (t) => ({
    targets: t.field({ type: TargetsInput, required: true, description: 'Which devices.' }),
    toTenantId: t.id({ required: true, description: 'The tenant: its global or its natural id.' }),
    ...askedFields(t, 'Move nothing; only answer how many and which it would be.'),
    expectedCount: t.int({
      description:
        'For a filter, or all: the `movedCount` of a dry run. If more would be moved, nothing is done.',
    }),
  }),
});

builder.mutationField('moveEnrollments', (t) =>
  t.field({
    type: MovePayload,
    description:
      "Moves devices, with their users' channels, to another tenant. What waits for them ends. Needs a " +
      'token that belongs to no tenant. More than 500 are moved by a job, each whole at its time.',
    authScopes: writers,
    errors: outcomesOf('moveEnrollments', targetErrors),
    args: { input: t.arg({ type: MoveInput, required: true, description: 'Which, and whereto.' }) },
    resolve: async (_root, { input }, context) =>
      context.useCases.moveEnrollments(context.viewer, {
        targets: await targetsOf(context, input.targets, 'DEVICE', ['input', 'targets']),
        toTenant: tenantIdOf(input.toTenantId),
        validateOnly: input.validateOnly,
        expectedCount: expectedCountOf(input.expectedCount, 'enrolments'),
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);
