import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, flagOf, intOf, textOf } from './event.ts';
import { StrayReport } from './stray-report.ts';
import { isTargetEnding, targetEnding } from './target-ending.ts';

const requestType = {
  nullable: true,
  description: "Apple's name of the command, such as `DeviceInformation`.",
  resolve: textOf('requestType'),
} as const;

const notNowTally = {
  nullable: true,
  description: 'How many times the device had put it off by then.',
  resolve: intOf('notNowTally'),
} as const;

const status = {
  nullable: true,
  description: "The device's own word, such as `Acknowledged`.",
  resolve: textOf('status'),
} as const;

function endingOf(name: string) {
  return (item: EventItem) => {
    const word = textOf(name)(item);
    return word !== null && isTargetEnding(word) ? word : null;
  };
}

export const CommandEnqueued = builder
  .objectRef<EventItem>(eventTypeName('CommandEnqueued'))
  .implement({
    description: 'A command was queued: one event, for however many enrolments.',
    interfaces: [Event],
    fields: (t) => ({
      requestType: t.string(requestType),
      targetCount: t.int({
        nullable: true,
        description: 'For how many enrolments it was queued.',
        resolve: intOf('targetCount'),
      }),
    }),
  });

export const CommandAnswered = builder
  .objectRef<EventItem>(eventTypeName('CommandAnswered'))
  .implement({
    description: 'A device answered a command. What it answered is in `result`.',
    interfaces: [Event],
    fields: (t) => ({
      requestType: t.string(requestType),
      status: t.string(status),
      notNowTally: t.int(notNowTally),
      late: t.boolean({
        description: 'Whether the command had ended already, as `ended` says.',
        resolve: (item) => flagOf('late')(item) ?? false,
      }),
      ended: t.field({
        type: targetEnding,
        nullable: true,
        description: 'For a late answer: how the command had ended.',
        resolve: endingOf('ended'),
      }),
    }),
  });

export const CommandNotNow = builder
  .objectRef<EventItem>(eventTypeName('CommandNotNow'))
  .implement({
    description: 'A device put a command off. It is offered again.',
    interfaces: [Event],
    fields: (t) => ({
      requestType: t.string(requestType),
      notNowTally: t.int(notNowTally),
    }),
  });

export const CommandEnded = builder.objectRef<EventItem>(eventTypeName('CommandEnded')).implement({
  description: 'A command left the queue of an enrolment without an answer.',
  interfaces: [Event],
  fields: (t) => ({
    requestType: t.string(requestType),
    reason: t.field({
      type: targetEnding,
      nullable: true,
      description: 'Why.',
      resolve: endingOf('reason'),
    }),
    notNowTally: t.int(notNowTally),
  }),
});

export const CommandPriorityChanged = builder
  .objectRef<EventItem>(eventTypeName('CommandPriorityChanged'))
  .implement({
    description: 'A command was moved forwards or back in the queues where it waits.',
    interfaces: [Event],
    fields: (t) => ({
      requestType: t.string(requestType),
      priority: t.int({
        nullable: true,
        description: 'Its priority since then; higher goes first.',
        resolve: intOf('priority'),
      }),
      targetCount: t.int({
        nullable: true,
        description: 'In how many queues.',
        resolve: intOf('targetCount'),
      }),
    }),
  });

export const StrayReportReceived = builder
  .objectRef<EventItem>(eventTypeName('StrayReportReceived'))
  .implement({
    description: 'A device reported on a command that this enrolment never had. It is kept once.',
    interfaces: [Event],
    fields: (t) => ({
      status: t.string(status),
      reportedCommandUuid: t.string({
        nullable: true,
        description: 'The CommandUUID that it named.',
        resolve: textOf('commandUuid'),
      }),
      report: t.field({
        type: StrayReport,
        nullable: true,
        description:
          'The report; null when it is no longer kept, or the token lacks commands:read.',
        resolve: (item, _args, { lists, viewer }) => {
          const { enrollmentKey } = item.event;
          const uuid = textOf('commandUuid')(item);
          if (enrollmentKey === null || uuid === null) return null;
          return viewer.scopes.has('commands:read')
            ? lists.findStray(viewer, enrollmentKey, uuid)
            : null;
        },
      }),
    }),
  });
