import { builder } from './builder.ts';
import { DeviceEnrollment, Enrollment } from './enrollment.ts';
import { linkTenant, Tenant } from './tenant.ts';

/** Reads a text of the values that are kept of a profile: which there are is up to who made it. */
function textIn(content: unknown, name: string): string | null {
  const value: unknown = Object(content)[name];
  return typeof value === 'string' ? value : null;
}

const EnrolledWith = builder.prismaObject('EnrollmentProfileValues', {
  name: 'EnrolledWith',
  description:
    'What is known of the profile that a device was enrolled with, and is renewed with. The profile itself ' +
    'holds a challenge and is never shown.',
  select: { recordedAt: true },
  fields: (t) => ({
    topic: t.string({
      nullable: true,
      description: 'The push topic in it.',
      select: { values: { select: { content: true } } },
      resolve: ({ values }) => textIn(values.content, 'topic'),
    }),
    serverUrl: t.string({
      nullable: true,
      description: 'The address that the device talks to.',
      select: { values: { select: { content: true } } },
      resolve: ({ values }) => textIn(values.content, 'serverUrl'),
    }),
    checkInUrl: t.string({
      nullable: true,
      description: 'The address of its check-ins; null: the same, or not known.',
      select: { values: { select: { content: true } } },
      resolve: ({ values }) => textIn(values.content, 'checkInUrl'),
    }),
    scepUrl: t.string({
      nullable: true,
      description: 'Where a supplied profile has its certificates from; null for one made here.',
      select: { values: { select: { content: true } } },
      resolve: ({ values }) => textIn(values.content, 'scepUrl'),
    }),
    recordedBy: t.exposeString('recordedBy', {
      nullable: true,
      description: 'Who supplied the profile; null: it was made here.',
    }),
    recordedAt: t.expose('recordedAt', {
      type: 'DateTime',
      description: 'Since when that is known.',
    }),
  }),
});

builder.prismaObjectFields(DeviceEnrollment, (t) => ({
  renewing: t.exposeBoolean('renewing', {
    description:
      'Whether its profile is being renewed: its next certificate goes on with this enrolment.',
  }),
  enrolledWith: t.relation('profileValues', {
    type: EnrolledWith,
    nullable: true,
    description: 'What is known of the profile that it was enrolled with; null: nothing.',
  }),
}));

builder.prismaInterfaceField(Enrollment, 'tenant', (t) =>
  t.prismaField({
    type: Tenant,
    nullable: true,
    description: 'Whose it is; null for a token without tenants:read.',
    resolve: (query, { tenantId }, _args, context) => linkTenant(context, tenantId, query),
  }),
);
