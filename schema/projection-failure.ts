import { builder } from './builder.ts';
import { Command } from './command.ts';
import { Enrollment } from './enrollment.ts';
import { linkCommand, linkEnrollment, ofTenant } from './load.ts';

const readers = { scope: 'jobs:read' } as const;

const ProjectionFailure = builder.prismaObject('ProjectionFailure', {
  description:
    'An event from which something should have been derived, and was not, however often it was tried. ' +
    'What comes after it goes on.',
  authScopes: readers,
  select: { enrollmentKey: true, commandKey: true },
  fields: (t) => ({
    projection: t.exposeString('projection', {
      description: 'What should have been derived, such as `inventory` or `command-counts`.',
    }),
    eventNumber: t.string({
      description: 'The number of the event.',
      select: { eventSeq: true },
      resolve: ({ eventSeq }) => String(eventSeq),
    }),
    eventType: t.exposeString('eventType', {
      description: 'The kind of event, such as `CommandAnswered`.',
    }),
    reason: t.exposeString('reason', { description: 'For people: what stood in the way.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was passed over.' }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The enrolment that the event is about; null without enrollments:read.',
      resolve: (query, { enrollmentKey }, _args, context) =>
        enrollmentKey !== null && context.viewer.scopes.has('enrollments:read')
          ? linkEnrollment(context, enrollmentKey, query)
          : null,
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command that the event is about; null without commands:read.',
      resolve: (query, { commandKey }, _args, context) =>
        commandKey !== null && context.viewer.scopes.has('commands:read')
          ? linkCommand(context, commandKey, query)
          : null,
    }),
  }),
});

builder.queryField('projectionFailures', (t) =>
  t.prismaConnection({
    type: ProjectionFailure,
    cursor: 'projection_eventId',
    description: 'Events that what is derived from events had to do without, the newest first.',
    authScopes: readers,
    resolve: (query, _root, _args, { prisma, viewer }) =>
      prisma.projectionFailure.findMany({
        ...query,
        where: ofTenant(viewer),
        orderBy: [{ eventId: 'desc' }, { projection: 'asc' }],
      }),
  }),
);
