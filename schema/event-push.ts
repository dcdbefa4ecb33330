import type { EventItem } from '../server/events/live-item.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, intOf, textOf } from './event.ts';

const outcome = {
  nullable: true,
  description: 'What became of it, such as `ACCEPTED`, `UNREGISTERED` or `UNAVAILABLE`.',
  resolve: textOf('outcome'),
} as const;

const apnsId = {
  nullable: true,
  description: 'The id under which Apple knows the push.',
  resolve: textOf('apnsId'),
} as const;

export const PushAccepted = builder.objectRef<EventItem>(eventTypeName('PushAccepted')).implement({
  description: 'Apple took a push that was asked for. Whether the device heard it is not known.',
  interfaces: [Event],
  fields: (t) => ({ apnsId: t.string(apnsId) }),
});

export const PushFailed = builder.objectRef<EventItem>(eventTypeName('PushFailed')).implement({
  description: 'A push was not taken.',
  interfaces: [Event],
  fields: (t) => ({
    outcome: t.string(outcome),
    reason: t.string({
      nullable: true,
      description: "Apple's reason, or ours where Apple was not reached.",
      resolve: textOf('reason'),
    }),
    status: t.int({
      nullable: true,
      description: "HTTP status of Apple's answer; null when there was none.",
      resolve: intOf('status'),
    }),
    apnsId: t.string(apnsId),
    attempts: t.int({
      nullable: true,
      description: 'How often it was tried.',
      resolve: intOf('attempts'),
    }),
    retryInSeconds: t.int({
      nullable: true,
      description: 'After how long it is tried again; null: not by itself.',
      resolve: intOf('retryInSeconds'),
    }),
  }),
});

export const PushTopicStopped = builder
  .objectRef<EventItem>(eventTypeName('PushTopicStopped'))
  .implement({
    description:
      'Apple refuses the push certificate of a topic: nothing is pushed on it until another is uploaded.',
    interfaces: [Event],
    fields: (t) => ({
      topic: t.string({ nullable: true, description: 'The topic.', resolve: textOf('topic') }),
      reason: t.string({ nullable: true, description: 'Why.', resolve: textOf('reason') }),
    }),
  });

export const JobProgressed = builder
  .objectRef<EventItem>(eventTypeName('JobProgressed'))
  .implement({
    description: 'A job got further, or its state changed.',
    interfaces: [Event],
    fields: (t) => ({
      kind: t.string({ nullable: true, description: 'What it does.', resolve: textOf('kind') }),
      state: t.string({
        nullable: true,
        description: 'Its state, as in `JobState`.',
        resolve: textOf('state'),
      }),
      done: t.int({
        nullable: true,
        description: 'How many of its subjects are done.',
        resolve: intOf('done'),
      }),
      failed: t.int({
        nullable: true,
        description: 'How many of its subjects failed.',
        resolve: intOf('failed'),
      }),
      total: t.int({
        nullable: true,
        description: 'How many subjects it has, if that is known.',
        resolve: intOf('total'),
      }),
    }),
  });
