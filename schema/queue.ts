import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import type { QueuePosition, QueueRow } from '../server/store/read/queue.ts';
import { batched } from './batch.ts';
import type { Count } from '../server/store/read/count.ts';
import { builder } from './builder.ts';
import { counted, countFields } from './count.ts';
import { Command } from './command.ts';
import { Enrollment } from './enrollment.ts';
import { linkCommand } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';

const QueueState = builder.enumType('QueueState', {
  description: 'What a command in a queue waits for.',
  values: {
    PENDING: { description: 'For the device to fetch and answer it.' },
    NOT_NOW: { description: 'The device has put it off; it is offered again.' },
  } as const,
});

const QueueEntry = builder.objectRef<QueueRow>('QueueEntry').implement({
  description: 'A command that may still be delivered to an enrolment. Gone once it has ended.',
  authScopes: { scope: 'commands:read' },
  fields: (t) => ({
    commandUuid: t.exposeString('commandUuid', { description: "The command's CommandUUID." }),
    requestType: t.exposeString('requestType', {
      description: "Apple's name of the command, such as `DeviceInformation`.",
    }),
    state: t.field({
      type: QueueState,
      description: 'What it waits for.',
      resolve: ({ notNowAt }) => (notNowAt === null ? 'PENDING' : 'NOT_NOW'),
    }),
    notNowTally: t.exposeInt('notNowTally', {
      description: 'How many times the device has put it off.',
    }),
    notNowAt: t.expose('notNowAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it has been put off.',
    }),
    firstSentAt: t.expose('firstSentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was first sent to the device; null: not known to be sent.',
    }),
    queuedAt: t.expose('queuedAt', { type: 'DateTime', description: 'When it was queued.' }),
    priority: t.int({
      description: 'Higher goes first; 0 is ordinary.',
      resolve: ({ urgency }) => (urgency === 0 ? 0 : -urgency),
    }),
    notBefore: t.expose('notBefore', {
      type: 'DateTime',
      nullable: true,
      description: 'Not delivered before this time.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Not delivered after this time.',
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command.',
      resolve: (query, { commandKey }, _args, context) => linkCommand(context, commandKey, query),
    }),
  }),
});

const queueCursor = cursorCodec<QueuePosition>(
  'queue',
  ({ urgency, commandKey }) => [String(urgency), String(commandKey)],
  ([urgency, key]) => {
    const commandKey = parseKey(key);
    const known = urgency !== undefined && /^-?\d{1,4}$/.test(urgency) && commandKey !== null;
    return known ? { urgency: Number(urgency), commandKey } : null;
  },
);

interface Wanted {
  readonly state: 'PENDING' | 'NOT_NOW' | null;
  readonly stretch: Stretch<QueuePosition>;
}

const queuesOfLevel = batched<bigint, Page<QueueRow>, Wanted>(
  ({ lists, viewer }, keys, { state, stretch }) => lists.queuePages(viewer, keys, state, stretch),
);

const countsOfLevel = batched<bigint, Count, Wanted['state']>(({ lists, viewer }, keys, state) =>
  lists.countQueues(viewer, keys, state),
);

builder.prismaInterfaceField(Enrollment, 'queue', (t) =>
  t.connection(
    {
      type: QueueEntry,
      description: 'What may still be delivered to it, in the order of delivery.',
      authScopes: { scope: 'commands:read' },
      args: {
        state: t.arg({ type: QueueState, description: 'Only what waits for this; absent: all.' }),
      },
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, queueCursor);
        const wanted = { state: args.state ?? null, stretch };
        const page = await queuesOfLevel(context, JSON.stringify(args), key, wanted);
        return {
          ...connectionOf(page ?? emptyPage, stretch, (node) => ({
            cursor: queueCursor.encode(node),
            node,
          })),
          ...counted(() => countsOfLevel(context, String(wanted.state), key, wanted.state)),
        };
      },
    },
    {
      name: 'QueueEntryConnection',
      description: 'A page of a queue.',
      fields: (field) => countFields(field, 'How many wait so', 'what the database guesses'),
    },
    { name: 'QueueEntryEdge', description: 'A command in a queue, with its position.' },
  ),
);
