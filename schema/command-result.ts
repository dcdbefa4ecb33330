import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { type Counted, counted, type CountFields, countFields } from './count.ts';
import { Command } from './command.ts';
import type { Count } from '../server/store/read/count.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import type { ResultRow } from '../server/store/read/results.ts';
import { Enrollment } from './enrollment.ts';
import { type ErrorChainItem, errorChainOf } from './error-chain.ts';
import { linkCommand, linkEnrollment } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';
import { maskedDecoded, shownDecoded, shownResult } from './raw.ts';
import { targetEnding, targetEndingOf } from './target-ending.ts';
import type { TargetState } from '../server/model/targets.ts';
import { TargetStateEnum, wantedStates } from './target-state.ts';

/** One step of why a device could not do what it was told. */
const ErrorChainItemType = builder.objectRef<ErrorChainItem>('ErrorChainItem').implement({
  description: "One error of a device's report; the first is the outermost.",
  fields: (t) => ({
    errorCode: t.exposeInt('errorCode', { nullable: true, description: "Apple's number." }),
    errorDomain: t.exposeString('errorDomain', {
      nullable: true,
      description: 'What the number belongs to, such as `MCMDMErrorDomain`.',
    }),
    localizedDescription: t.exposeString('localizedDescription', {
      nullable: true,
      description: "In the device's language.",
    }),
    usEnglishDescription: t.exposeString('usEnglishDescription', {
      nullable: true,
      description: 'In English.',
    }),
  }),
});

const resultRef = builder.objectRef<ResultRow>('CommandResult');

export const CommandResult = builder.node(resultRef, {
  description: "How one enrolment's part in a command ended, and what the device reported.",
  authScopes: { scope: 'commands:read' },
  id: {
    description: 'Opaque global id.',
    // Both may hold any character, so they are kept apart by JSON.
    resolve: ({ enrollmentId, commandUuid }) => JSON.stringify([enrollmentId, commandUuid]),
  },
  loadOne: async (id, { lists, viewer }) => {
    const names = namesIn(id);
    return names && lists.findResult(viewer, names.enrollmentId, names.commandUuid);
  },
  fields: (t) => ({
    enrollmentId: t.exposeString('enrollmentId', { description: "The enrolment's natural id." }),
    commandUuid: t.exposeString('commandUuid', { description: "The command's CommandUUID." }),
    requestType: t.exposeString('requestType', {
      description: "Apple's name of the command, such as `DeviceInformation`.",
    }),
    status: t.exposeString('status', {
      nullable: true,
      description:
        "The device's own word: `Acknowledged`, `Error` or `CommandFormatError`; null as long as " +
        'it has not answered.',
    }),
    ended: t.field({
      type: targetEnding,
      description: 'How the command left the queue of this enrolment.',
      resolve: ({ ended }) => targetEndingOf(ended),
    }),
    queuedAt: t.expose('queuedAt', { type: 'DateTime', description: 'When it was queued.' }),
    firstSentAt: t.expose('firstSentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was first handed to the device; null: not known to be sent.',
    }),
    endedAt: t.expose('endedAt', { type: 'DateTime', description: 'When it left the queue.' }),
    answeredAt: t.expose('answeredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device answered; later than `endedAt` if it came too late.',
    }),
    notNowAt: t.expose('notNowAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device first put it off, if it did.',
    }),
    notNowTally: t.exposeInt('notNowTally', {
      description: 'How many times the device had put it off.',
    }),
    raw: t.field({
      type: 'Base64',
      nullable: true,
      description:
        "The device's report as it was sent. Where its type can carry secrets and the token lacks " +
        '`secrets:read`, a copy with `<redacted>` in their place.',
      resolve: (row, _args, context) => shownResult(context, row),
    }),
    decoded: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: "The device's report decoded; secrets as in `raw`.",
      resolve: (row, _args, context) => shownDecoded(context, row),
    }),
    errorChain: t.field({
      type: [ErrorChainItemType],
      nullable: true,
      description: 'Why it failed, as the device tells; null when it tells nothing.',
      resolve: async (row, _args, context) => errorChainOf(await maskedDecoded(context, row)),
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command.',
      resolve: (query, { commandKey }, _args, context) => linkCommand(context, commandKey, query),
    }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The enrolment.',
      resolve: (query, { enrollmentKey }, _args, context) =>
        linkEnrollment(context, enrollmentKey, query),
    }),
  }),
});

const CommandResultConnection = builder.connectionObject(
  {
    type: CommandResult,
    name: 'CommandResultConnection',
    description: 'A page of results.',
    // Both fields that give it do give the count as well; the type of a connection on its own has no words
    // for more than edges.
    fields: (field) =>
      countFields(
        field as unknown as CountFields<Counted>,
        'How many ended so',
        'what the database guesses',
      ),
  },
  { name: 'CommandResultEdge', description: 'A result in a list, with its position.' },
);

const ofEnrollmentCursor = cursorCodec<bigint>(
  'enrollment-results',
  (key) => [String(key)],
  ([key]) => parseKey(key),
);

interface Wanted {
  readonly states: readonly TargetState[] | null;
  readonly stretch: Stretch<bigint>;
}

const ofEnrollments = batched<bigint, Page<ResultRow>, Wanted>(
  ({ lists, viewer }, keys, { states, stretch }) =>
    lists.enrollmentResultPages(viewer, keys, states, stretch),
);

const countsOfEnrollments = batched<bigint, Count, readonly TargetState[] | null>(
  ({ lists, viewer }, keys, states) => lists.countEnrollmentResults(viewer, keys, states),
);

builder.prismaInterfaceField(Enrollment, 'results', (t) =>
  t.connection(
    {
      type: CommandResult,
      description:
        'What became of the commands for it that have left its queue, in the order in which they ' +
        'were made: `last: 20` are the newest.',
      authScopes: { scope: 'commands:read' },
      args: {
        states: t.arg({
          type: [TargetStateEnum],
          description: 'Only those that ended so; absent: all.',
        }),
      },
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, ofEnrollmentCursor);
        const states = wantedStates(args.states);
        const wanted = { states, stretch };
        const page = await ofEnrollments(context, JSON.stringify(args), key, wanted);
        return {
          ...connectionOf(page ?? emptyPage, stretch, (node) => ({
            cursor: ofEnrollmentCursor.encode(node.commandKey),
            node,
          })),
          ...counted(() => countsOfEnrollments(context, JSON.stringify(states), key, states)),
        };
      },
    },
    CommandResultConnection,
  ),
);

const ofCommandCursor = cursorCodec<bigint>(
  'command-results',
  (key) => [String(key)],
  ([key]) => parseKey(key),
);

const ofCommands = batched<bigint, Page<ResultRow>, Stretch<bigint>>(
  ({ lists, viewer }, keys, stretch) => lists.commandResultPages(viewer, keys, stretch),
);

const countsOfCommands = batched<bigint, Count, null>(({ lists, viewer }, keys) =>
  lists.countCommandResults(viewer, keys),
);

builder.prismaObjectField(Command, 'results', (t) =>
  t.connection(
    {
      type: CommandResult,
      description: 'What became of it at the enrolments whose queues it has left.',
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, ofCommandCursor);
        const page = await ofCommands(context, JSON.stringify(args), key, stretch);
        return {
          ...connectionOf(page ?? emptyPage, stretch, (node) => ({
            cursor: ofCommandCursor.encode(node.enrollmentKey),
            node,
          })),
          ...counted(() => countsOfCommands(context, '', key, null)),
        };
      },
    },
    CommandResultConnection,
  ),
);

function namesIn(id: string): { enrollmentId: string; commandUuid: string } | null {
  if (id.includes('\\u0000')) return null;
  try {
    const names: unknown = JSON.parse(id);
    if (!Array.isArray(names)) return null;
    const [enrollmentId, commandUuid]: unknown[] = names;
    return typeof enrollmentId === 'string' && typeof commandUuid === 'string'
      ? { enrollmentId, commandUuid }
      : null;
  } catch {
    return null;
  }
}
