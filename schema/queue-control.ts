import { ValidationError } from '../server/model/errors.ts';
import type { FailedState } from '../server/model/targets.ts';
import type {
  CancelCommandAnswer,
  CommandWorkAnswer,
  NotCancelled,
  QueueWorkAnswer,
} from '../server/mdm/queue/queue-control-types.ts';
import { asksFor } from './asks-for.ts';
import { builder } from './builder.ts';
import {
  askedFields,
  bulkFields,
  bulkOf,
  channelsField,
  expectedCountOf,
  queueNothing,
} from './bulk.ts';
import type { GraphContext } from './context.ts';
import { Command } from './command.ts';
import { RetryCommandPayload } from './enqueue-command.ts';
import { Enrollment } from './enrollment.ts';
import { outcomesOf, targetErrors } from './errors.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { Job } from './job.ts';
import { findJob, findSample, ofTenant } from './load.ts';
import { connectionOf, cursorCodec, pageOfList, parseKey, stretchOf } from './page.ts';
import { type TargetsArgument, TargetsInput, targetsOf } from './targets.ts';
import type { Channels, Targets } from '../server/model/targets.ts';

const writers = { scope: 'commands:write' } as const;

const expectedCountDescription =
  'The count that a dry run answered. If it would be more now, nothing is done.';

const CancelCommandInput = builder.inputType('CancelCommandInput', {
  description: 'Which command, and from whom it is taken back.',
  fields: (t) => ({
    commandUuid: t.string({ required: true, description: 'Its CommandUUID.' }),
    targets: t.field({
      type: TargetsInput,
      required: true,
      description: 'From whom; `all: true` means every one of its targets.',
    }),
    channels: channelsField(t, 'ALL'),
    ...askedFields(t),
    expectedCount: t.int({ description: expectedCountDescription }),
  }),
});

const SetCommandPriorityInput = builder.inputType('SetCommandPriorityInput', {
  description: 'Which command, and how urgent it is.',
  fields: (t) => ({
    commandUuid: t.string({ required: true, description: 'Its CommandUUID.' }),
    priority: t.int({
      required: true,
      description:
        'Higher goes first, from -1000 to 1000; equal ones in the order they were queued.',
    }),
    targets: t.field({
      type: TargetsInput,
      description: 'In whose queues; absent: wherever it waits.',
    }),
    channels: channelsField(t, 'ALL'),
    ...askedFields(t),
    expectedCount: t.int({ description: expectedCountDescription }),
  }),
});

const ClearQueueInput = builder.inputType('ClearQueueInput', {
  description: 'Whose queues.',
  fields: (t) => ({
    ...bulkFields(t, { targets: 'Whose.', channels: 'DEVICE' }),
    expectedCount: t.int({
      description: `${expectedCountDescription} Demanded for a filter and for all.`,
    }),
  }),
});

const RetryableState = builder.enumType('RetryableState', {
  description: 'How a command ended for targets that it can be sent to once more.',
  values: {
    ERROR: { description: 'The device answered that it could not.' },
    REFUSED: { description: 'It was never queued.' },
    CANCELLED: { description: 'It was taken back.' },
    CLEARED: { description: 'The queue was cleared.' },
    EXPIRED: { description: 'Its time ran out.' },
    UNENROLLED: { description: 'The device left before it answered, and is back.' },
    RE_ENROLLED: { description: 'The device enrolled anew before it answered.' },
  } as const satisfies Readonly<Record<FailedState, { readonly description: string }>>,
});

const RetryCommandInput = builder.inputType('RetryCommandInput', {
  description: 'Which command is sent once more, and to whom.',
  fields: (t) => ({
    commandUuid: t.string({ required: true, description: 'Its CommandUUID.' }),
    states: t.field({
      type: [RetryableState],
      required: true,
      defaultValue: ['ERROR', 'EXPIRED', 'CANCELLED'],
      description:
        'To targets at which it ended so; whoever has done it after all, only too late, is left out.',
    }),
    targets: t.field({ type: TargetsInput, description: 'Only to these of them; absent: all.' }),
    channels: channelsField(t, 'ALL'),
    ...askedFields(t, queueNothing),
    expectedCount: t.int({
      description:
        `${expectedCountDescription} Demanded for commands that wipe, lock, un-enrol or shut people ` +
        'out.',
    }),
    push: t.boolean({
      required: true,
      defaultValue: true,
      description: 'Push to the targets, so that they come for it at once.',
    }),
    force: t.boolean({
      required: true,
      defaultValue: false,
      description: 'As of `enqueueCommand`.',
    }),
    priority: t.int({ description: 'Its priority; absent: that of the first command.' }),
    notBefore: t.field({ type: 'DateTime', description: 'Not delivered before this time.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'Not delivered after this time.' }),
  }),
});

const QueueWorkPayload = builder.interfaceRef<QueueWorkAnswer>('QueueWorkPayload').implement({
  description: 'What was done to entries of queues, or with `validateOnly` what would be.',
  fields: (t) => ({
    count: t.exposeInt('count', {
      description: 'How many entries; with a `job`, how many it has before it.',
    }),
    enrollments: t.prismaField({
      type: [Enrollment],
      description:
        'The first enrolments whose they are, at most 100, by id; none for a token without ' +
        'enrollments:read.',
      resolve: (query, { sample }, _args, context) => findSample(context, sample, query),
    }),
    job: t.prismaField({
      type: Job,
      nullable: true,
      description:
        'The job that does it, for more than 1,000 entries: follow it by `jobProgress`. Null when it ' +
        'is done already, and for a token without jobs:read.',
      resolve: (query, { jobId }, _args, context) => findJob(context, jobId, query),
    }),
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before: subscribe after it to miss nothing.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
    validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing was changed.' }),
  }),
});

const CommandWorkPayload = builder.interfaceRef<CommandWorkAnswer>('CommandWorkPayload').implement({
  description: 'What was done to the entries of one command.',
  interfaces: [QueueWorkPayload],
  fields: (t) => ({
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command; null for a token without commands:read.',
      resolve: (query, { commandUuid }, _args, { prisma, viewer }) =>
        viewer.scopes.has('commands:read')
          ? prisma.command.findFirst({
              ...query,
              where: { uuid: commandUuid, ...ofTenant(viewer) },
              orderBy: { key: 'asc' },
            })
          : null,
    }),
  }),
});

const NotCancelledCode = builder.enumType('NotCancelledCode', {
  description: 'Why a command is not taken back from a target.',
  values: {
    ALREADY_CANCELLED: { description: 'It was taken back before.' },
    ALREADY_FINISHED: { description: 'It had ended there otherwise, mostly by an answer.' },
    NOT_A_TARGET: { description: 'It was never queued for it: perhaps it is another’s.' },
    UNKNOWN_ENROLLMENT: { description: 'No enrolment has this id.' },
  } as const,
});

const NotCancelledTarget = builder.objectRef<NotCancelled>('NotCancelledTarget').implement({
  description: 'A target that the command was not taken back from.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "The enrolment's natural id." }),
    code: t.expose('code', { type: NotCancelledCode, description: 'For programs: why.' }),
    message: t.exposeString('message', { description: 'For people: why.' }),
  }),
});

const placeCursor = cursorCodec<number>(
  'not-cancelled',
  (place) => [String(place)],
  ([place]) => {
    const parsed = parseKey(place);
    return parsed === null ? null : Number(parsed);
  },
);

const CancelCommandPayload = builder
  .objectRef<CancelCommandAnswer>('CancelCommandPayload')
  .implement({
    description: 'From whom a command was taken back.',
    interfaces: [QueueWorkPayload, CommandWorkPayload],
    fields: (t) => ({
      refused: t.connection(
        {
          type: NotCancelledTarget,
          description: 'Of the ids that were named, the first 1,000 with nothing to take back.',
          resolve: ({ refused }, args) => {
            const stretch = stretchOf(args, placeCursor);
            const places = refused.map((target, place) => ({ target, place }));
            return connectionOf(pageOfList(places, stretch), stretch, ({ target, place }) => ({
              cursor: placeCursor.encode(place),
              node: target,
            }));
          },
        },
        {
          name: 'NotCancelledTargetConnection',
          description: 'A page of targets that a command was not taken back from.',
        },
        { name: 'NotCancelledTargetEdge', description: 'Such a target, with its position.' },
      ),
    }),
  });

const SetCommandPriorityPayload = builder
  .objectRef<CommandWorkAnswer>('SetCommandPriorityPayload')
  .implement({
    description: 'In how many queues a command was moved.',
    interfaces: [QueueWorkPayload, CommandWorkPayload],
  });

const ClearQueuePayload = builder.objectRef<QueueWorkAnswer>('ClearQueuePayload').implement({
  description: 'How many entries were cleared.',
  interfaces: [QueueWorkPayload],
});

/** What work on one command's targets takes. */
async function workOf(
  context: GraphContext,
  input: {
    readonly commandUuid: string;
    readonly targets?: TargetsArgument | null | undefined;
    readonly channels: Channels;
    readonly validateOnly: boolean;
    readonly expectedCount?: number | null | undefined;
    readonly idempotencyKey?: string | null | undefined;
  },
) {
  return {
    // No id has a NUL, and PostgreSQL takes none: replaced, it is one that nothing has.
    commandUuid: input.commandUuid.replaceAll('\0', '\ufffd'),
    targets: await targetsOfCommand(context, input.targets, input.channels),
    validateOnly: input.validateOnly,
    expectedCount: expectedCountOf(input.expectedCount, 'entries'),
    idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
  };
}

/** All of a command's targets, or those that are named. */
async function targetsOfCommand(
  context: GraphContext,
  targets: TargetsArgument | null | undefined,
  channels: Channels,
): Promise<Targets | null> {
  if (!targets) return null;
  const meant = await targetsOf(context, targets, channels, ['input', 'targets']);
  return 'all' in meant && channels === 'ALL' ? null : meant;
}

builder.mutationFields((t) => ({
  cancelCommand: t.field({
    type: CancelCommandPayload,
    description:
      'Takes a command back from targets that have not answered it. It is never served to them again; ' +
      'a result that arrives nevertheless is kept.',
    authScopes: writers,
    errors: outcomesOf('cancelCommand', targetErrors),
    args: {
      input: t.arg({ type: CancelCommandInput, required: true, description: 'What, from whom.' }),
    },
    resolve: async (_root, { input }, context) =>
      context.useCases.cancelCommand(context.viewer, await workOf(context, input)),
  }),
  setCommandPriority: t.field({
    type: SetCommandPriorityPayload,
    description: 'Moves a command forwards or back in the queues where it waits.',
    authScopes: writers,
    errors: outcomesOf('setCommandPriority', targetErrors),
    args: {
      input: t.arg({
        type: SetCommandPriorityInput,
        required: true,
        description: 'Which, and how urgent.',
      }),
    },
    resolve: async (_root, { input }, context) =>
      context.useCases.setCommandPriority(context.viewer, {
        ...(await workOf(context, input)),
        priority: input.priority,
      }),
  }),
  clearQueue: t.field({
    type: ClearQueuePayload,
    description: 'Ends everything that waits for enrolments. What is queued meanwhile stays.',
    authScopes: writers,
    errors: outcomesOf('clearQueue', targetErrors),
    args: { input: t.arg({ type: ClearQueueInput, required: true, description: 'Whose.' }) },
    resolve: async (_root, { input }, context) =>
      context.useCases.clearQueue(context.viewer, {
        ...(await bulkOf(context, input)),
        expectedCount: expectedCountOf(input.expectedCount, 'entries'),
      }),
  }),
  retryCommand: t.field({
    type: RetryCommandPayload,
    description:
      'Sends a command once more to targets at which it failed, as a new command: the same body under ' +
      'a CommandUUID of its own.',
    authScopes: writers,
    errors: outcomesOf('retryCommand', targetErrors),
    args: {
      input: t.arg({ type: RetryCommandInput, required: true, description: 'What, to whom.' }),
    },
    resolve: async (_root, { input }, context, info) => {
      if (input.states.length === 0) {
        throw new ValidationError('EMPTY_LIST', '`states` is an empty list.', ['input', 'states']);
      }
      return context.useCases.retryCommand(context.viewer, {
        ...(await workOf(context, input)),
        states: [...new Set(input.states)],
        timing: {
          priority: input.priority ?? null,
          notBefore: input.notBefore ?? null,
          expiresAt: input.expiresAt ?? null,
        },
        push: input.push,
        force: input.force,
        sampled: asksFor(info, 'targets'),
      });
    },
  }),
}));
