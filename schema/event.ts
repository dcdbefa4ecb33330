import { encodeGlobalID } from '@pothos/plugin-relay';
import type { CheckpointItem, EventItem } from '../server/events/live-item.ts';
import type { EventType } from '../server/model/events.ts';
import { eventTypes } from '../server/model/events.ts';
import { builder } from './builder.ts';
import { CheckIn } from './check-in.ts';
import { Command } from './command.ts';
import { CommandResult } from './command-result.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import {
  checkInOfPage,
  commandOfPage,
  enrollmentOfPage,
  jobOfPage,
  resultOfPage,
  tenantOfPage,
} from './event-page.ts';
import { Job } from './job.ts';
import { Tenant } from './tenant.ts';

/** The GraphQL type of a kind of event. */
export function eventTypeName(type: EventType): `${EventType}Event` {
  return `${type}Event`;
}

export const EventTypeEnum = builder.enumType('EventType', {
  description:
    'The kinds of event. Each has an object type of its own: its name with `Event` behind.',
  values: eventValues(),
});

function eventValues(): Readonly<Record<EventType, { readonly description: string }>> {
  return Object.fromEntries(
    eventTypes.map((type) => [
      type,
      { description: `Events of the type \`${eventTypeName(type)}\`.` },
    ]),
  ) as Record<EventType, { readonly description: string }>;
}

export const Event = builder.interfaceRef<EventItem>('Event').implement({
  description:
    'Something that happened. Its own fields are as they were then; `enrollment`, `command`, `result` ' +
    'and `job` link to the present state, and are null where there is none (any more) for this token.',
  resolveType: ({ event }) => eventTypeName(event.type),
  fields: (t) => ({
    id: t.id({
      description: 'Opaque id: the same event has the same one for everybody.',
      resolve: ({ event }) => encodeGlobalID(eventTypeName(event.type), event.id),
    }),
    cursor: t.exposeString('cursor', {
      description: 'Pass it as `after` to go on behind this event, in any subscription.',
    }),
    number: t.string({
      description:
        'Its place in the one order that all readers see: a whole number of up to 19 digits, growing ' +
        'from event to event of a stream. Those that a token may not see leave gaps.',
      resolve: ({ event }) => String(event.seq),
    }),
    type: t.field({
      type: EventTypeEnum,
      description: 'What kind it is, as `EventFilterInput.types` takes it.',
      resolve: ({ event }) => event.type,
    }),
    tenantId: t.string({
      description: 'Natural id of the tenant that it happened in.',
      resolve: ({ event }) => String(event.tenantId),
    }),
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description: 'The tenant that it happened in; null for a token without tenants:read.',
      resolve: (query, item, _args, context) => tenantOfPage(context, item, query),
    }),
    at: t.field({
      type: 'DateTime',
      description: 'When it happened.',
      resolve: ({ event }) => event.at,
    }),
    traceId: t.string({
      nullable: true,
      description: 'The trace id of the request that did it, as logs have it.',
      resolve: ({ event }) => event.traceId,
    }),
    actor: t.string({
      nullable: true,
      description: 'Who did it, such as `token:<name>`; null: the device.',
      resolve: ({ event }) => event.actor,
    }),
    enrollmentId: t.string({
      nullable: true,
      description: 'Natural id of the enrolment that it is about.',
      resolve: ({ event }) => event.enrollmentId,
    }),
    commandUuid: t.string({
      nullable: true,
      description: 'CommandUUID of the command that it is about.',
      resolve: ({ event }) => event.commandUuid,
    }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The enrolment that it is about.',
      resolve: (query, item, _args, context) => enrollmentOfPage(context, item, query),
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command that it is about.',
      resolve: (query, item, _args, context) => commandOfPage(context, item, query),
    }),
    result: t.field({
      type: CommandResult,
      nullable: true,
      description: 'The result that it is about.',
      resolve: (item, _args, context, info) => resultOfPage(context, item, info),
    }),
    jobId: t.string({
      nullable: true,
      description: 'Natural id of the job that did it, or that it is about.',
      resolve: ({ event }) => event.jobId,
    }),
    job: t.prismaField({
      type: Job,
      nullable: true,
      description: 'The job that did it, or that it is about.',
      resolve: (query, item, _args, context) => jobOfPage(context, item, query),
    }),
  }),
});

export const Checkpoint = builder.objectRef<CheckpointItem>('Checkpoint').implement({
  description:
    'Everything up to here has been looked at. Sent when nothing matches for a while, so that a ' +
    'quiet subscriber has a young cursor to come back with.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: 'Pass it as `after` to go on from here.' }),
  }),
});

/** The field of an event that comes from a check-in. */
export const checkInLink = {
  type: CheckIn,
  nullable: true,
  description: 'The message that it comes from; null when that is no longer kept.',
  resolve: (item: EventItem, _args: object, context: GraphContext) => checkInOfPage(context, item),
} as const;

/** Reads a text that the event carries. */
export function textOf(name: string): (item: EventItem) => string | null {
  return ({ event }) => {
    const value = event.data[name];
    return typeof value === 'string' ? value : null;
  };
}

/** Reads a whole number that the event carries. */
export function intOf(name: string): (item: EventItem) => number | null {
  return ({ event }) => {
    const value = event.data[name];
    return typeof value === 'number' && Number.isInteger(value) ? value : null;
  };
}

/** Reads a yes or no that the event carries. */
export function flagOf(name: string): (item: EventItem) => boolean | null {
  return ({ event }) => {
    const value = event.data[name];
    return typeof value === 'boolean' ? value : null;
  };
}

/** Reads a moment that the event carries. */
export function momentOf(name: string): (item: EventItem) => Date | null {
  return (item) => {
    const text = textOf(name)(item);
    return text === null ? null : new Date(text);
  };
}
