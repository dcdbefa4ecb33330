import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, intOf, textOf } from './event.ts';

// What people write about enrolments.

/** Reads a list of texts that the event carries. */
function textsOf(name: string): (item: EventItem) => readonly string[] {
  return ({ event }) => {
    const value = event.data[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  };
}

export const EnrollmentTagsChanged = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentTagsChanged'))
  .implement({
    description:
      'Tags of an enrolment changed. When more than 100 were changed at once, one event tells of all ' +
      'of them: it names no enrolment (`enrollment` and `enrollmentId` are null, and a filter by enrolments ' +
      'does not let it through), and `targetCount` says how many.',
    interfaces: [Event],
    fields: (t) => ({
      added: t.stringList({
        description: 'Tags that it has now and had not before, as far as there is room for them.',
        resolve: (item) => [...textsOf('added')(item)],
      }),
      addedCount: t.int({
        description: 'How many tags that are.',
        resolve: (item) => intOf('addedCount')(item) ?? 0,
      }),
      removed: t.stringList({
        description: 'Tags that it had before and has no longer, as far as there is room for them.',
        resolve: (item) => [...textsOf('removed')(item)],
      }),
      removedCount: t.int({
        description: 'How many tags that are.',
        resolve: (item) => intOf('removedCount')(item) ?? 0,
      }),
      targetCount: t.int({
        nullable: true,
        description: 'How many enrolments were changed; null when it is about one.',
        resolve: intOf('targetCount'),
      }),
      invitationId: t.string({
        nullable: true,
        description: 'The invitation that brought the tags; null when somebody changed them.',
        resolve: textOf('invitationId'),
      }),
    }),
  });

export const EnrollmentNotesChanged = builder
  .objectRef<EventItem>(eventTypeName('EnrollmentNotesChanged'))
  .implement({
    description: 'Somebody wrote notes about an enrolment.',
    interfaces: [Event],
    fields: (t) => ({
      characters: t.int({
        nullable: true,
        description: 'How long the notes are now; 0: they were taken away.',
        resolve: intOf('characters'),
      }),
    }),
  });
