import type { Prisma } from '../generated/prisma/client.ts';
import { pageOf } from '../server/store/read/keyset.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { Enrollment } from './enrollment.ts';
import { linkCommand, linkEnrollment, nodesQuery, ofTenant } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';

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

interface Position {
  readonly eventId: bigint;
  readonly projection: string;
}

const failureCursor = cursorCodec<Position>(
  'projectionFailures',
  ({ eventId, projection }) => [String(eventId), projection],
  ([event, projection]) => {
    const eventId = parseKey(event);
    return eventId === null || projection === undefined ? null : { eventId, projection };
  },
);

/** What stands behind a position: the newest event first, then by the projection's name. */
function behind({ eventId, projection }: Position): Prisma.ProjectionFailureWhereInput {
  return { OR: [{ eventId: { lt: eventId } }, { eventId, projection: { gt: projection } }] };
}

function ahead({ eventId, projection }: Position): Prisma.ProjectionFailureWhereInput {
  return { OR: [{ eventId: { gt: eventId } }, { eventId, projection: { lt: projection } }] };
}

builder.queryField('projectionFailures', (t) =>
  t.connection({
    type: ProjectionFailure,
    description: 'Events that what is derived from events had to do without, the newest first.',
    authScopes: readers,
    resolve: async (_root, args, context, info) => {
      const { prisma, viewer } = context;
      const stretch = stretchOf(args, failureCursor);
      const { after, before, fromEnd, limit } = stretch;
      const query: { select?: Prisma.ProjectionFailureSelect } = nodesQuery(
        context,
        info,
        'eventId',
        'projection',
      );
      const rows = await prisma.projectionFailure.findMany({
        ...query,
        where: {
          ...ofTenant(viewer),
          AND: [...(after ? [behind(after)] : []), ...(before ? [ahead(before)] : [])],
        },
        orderBy: fromEnd
          ? [{ eventId: 'asc' }, { projection: 'desc' }]
          : [{ eventId: 'desc' }, { projection: 'asc' }],
        take: limit + 1,
      });
      return connectionOf(pageOf(rows, stretch), stretch, (node) => ({
        cursor: failureCursor.encode(node),
        node,
      }));
    },
  }),
);
