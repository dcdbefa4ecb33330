import type { EnqueueAnswer, RefusedTarget } from '../server/mdm/queue/enqueue-types.ts';
import { ValidationError } from '../server/model/errors.ts';
import { asksFor } from './asks-for.ts';
import { builder } from './builder.ts';
import { asGiven, bulkFields, bulkOf, expectedCountOf, queueNothing } from './bulk.ts';
import { Command } from './command.ts';
import { Enrollment, enrollmentCursor } from './enrollment.ts';
import { outcomesOf, targetErrors } from './errors.ts';
import { Job } from './job.ts';
import { findJob, findEnrollmentsById, nodesQuery, ofTenant } from './load.ts';
import { connectionOf, cursorCodec, pageOfList, parseKey, stretchOf } from './page.ts';
import { RefusalCodeEnum } from './refusal-code.ts';

const CommandInput = builder.inputType('CommandInput', {
  description: 'What to send: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    plist: t.string({
      description:
        'An XML property list with a CommandUUID and, in `Command`, a RequestType. Delivered byte ' +
        'for byte, in UTF-8.',
    }),
  }),
});

const EnqueueCommandInput = builder.inputType('EnqueueCommandInput', {
  description: 'One command, to one enrolment or to many.',
  fields: (t) => ({
    ...bulkFields(t, { targets: 'To whom.', channels: 'DEVICE', validateOnly: queueNothing }),
    command: t.field({ type: CommandInput, required: true, description: 'What.' }),
    expectedCount: t.int({
      description:
        'For commands that wipe, lock, un-enrol or shut people out, sent to a filter or to all: the ' +
        '`queuedCount` of a dry run. If more would be reached, nothing is done.',
    }),
    push: t.boolean({
      required: true,
      defaultValue: true,
      description: 'Push to the targets, so that they come for it at once.',
    }),
    force: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'For commands that wipe, lock, un-enrol or shut people out: queue it also where one of its type ' +
        'waits already. Otherwise such targets are refused with ALREADY_PENDING.',
    }),
    priority: t.int({
      required: true,
      defaultValue: 0,
      description:
        'Higher goes first, from -1000 to 1000; equal ones in the order they were queued.',
    }),
    notBefore: t.field({
      type: 'DateTime',
      description: 'Not delivered before this time. At once when absent.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'Not delivered after this time: then it ends, with the reason EXPIRED.',
    }),
  }),
});

export const TargetRefused = builder.objectRef<RefusedTarget>('RefusedTarget').implement({
  description: 'A target that the command was not queued for.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id, as the input has it.' }),
    code: t.expose('code', { type: RefusalCodeEnum, description: 'For programs: why.' }),
    message: t.exposeString('message', { description: 'For people: why.' }),
  }),
});

const refusedCursor = cursorCodec<number>(
  'refused',
  (place) => [String(place)],
  ([place]) => {
    const parsed = parseKey(place);
    return parsed === null ? null : Number(parsed);
  },
);

const EnqueuePayload = builder.interfaceRef<EnqueueAnswer>('EnqueuePayload').implement({
  description: 'What was queued, or with `validateOnly` what would be.',
  fields: (t) => ({
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command; null with `validateOnly`, and for a token without commands:read.',
      resolve: (query, { commandUuid, validateOnly }, _args, { prisma, viewer }) =>
        validateOnly || !viewer.scopes.has('commands:read')
          ? null
          : prisma.command.findFirst({
              ...query,
              where: { uuid: commandUuid, ...ofTenant(viewer) },
              orderBy: { key: 'desc' },
            }),
    }),
    commandUuid: t.exposeString('commandUuid', { description: 'The CommandUUID.' }),
    requestType: t.exposeString('requestType', { description: 'The RequestType.' }),
    queuedCount: t.exposeInt('queuedCount', {
      description: 'For how many enrolments it was queued.',
    }),
    targets: t.connection(
      {
        type: Enrollment,
        description: 'The first of these enrolments, at most 100, by id.',
        resolve: async ({ sample }, args, context, info) => {
          const stretch = stretchOf(args, enrollmentCursor);
          const { after, before } = stretch;
          const between = sample.filter(
            (id) => (after === null || id > after) && (before === null || id < before),
          );
          const page = pageOfList(between, { ...stretch, after: null, before: null });
          const byId = await findEnrollmentsById(context, page.rows, nodesQuery(context, info));
          const rows = page.rows.flatMap((id) => byId.get(id) ?? []);
          return connectionOf({ rows, more: page.more }, stretch, (node) => ({
            cursor: enrollmentCursor.encode(node.id),
            node,
          }));
        },
      },
      { name: 'EnrollmentConnection', description: 'A page of enrolments of any channel.' },
      { name: 'EnrollmentEdge', description: 'An enrolment in a list, with its position.' },
    ),
    refusedCount: t.exposeInt('refusedCount', {
      description: 'How many targets it was not queued for.',
    }),
    refused: t.connection(
      {
        type: TargetRefused,
        description:
          'The targets that it was not queued for, and why: all ids that were named, and the first 100 ' +
          'with ALREADY_PENDING. `command.targets` has every one that exists.',
        resolve: ({ refused }, args) => {
          const stretch = stretchOf(args, refusedCursor);
          const places = refused.map((target, place) => ({ target, place }));
          return connectionOf(pageOfList(places, stretch), stretch, ({ target, place }) => ({
            cursor: refusedCursor.encode(place),
            node: target,
          }));
        },
      },
      { name: 'RefusedTargetConnection', description: 'A page of refused targets.' },
      { name: 'RefusedTargetEdge', description: 'A refused target, with its position.' },
    ),
    pushJob: t.prismaField({
      type: Job,
      nullable: true,
      description:
        'The job that pushes to them; null when nothing is pushed, for up to 500 that are pushed to at ' +
        'once, and for a token without jobs:read.',
      resolve: (query, { pushJobId }, _args, context) => findJob(context, pushJobId, query),
    }),
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before: subscribe after it to miss nothing.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
    validateOnly: t.exposeBoolean('validateOnly', { description: 'Whether nothing was queued.' }),
  }),
});

const EnqueueCommandPayload = builder.objectRef<EnqueueAnswer>('EnqueueCommandPayload').implement({
  description: 'What was done, or with `validateOnly` what would be.',
  interfaces: [EnqueuePayload],
});

export const RetryCommandPayload = builder
  .objectRef<EnqueueAnswer>('RetryCommandPayload')
  .implement({
    description: 'The new command, or with `validateOnly` what it would be.',
    interfaces: [EnqueuePayload],
  });

builder.mutationType({
  description: 'What changes anything. Each answers what can go wrong as a type.',
});

builder.mutationField('enqueueCommand', (t) =>
  t.field({
    type: EnqueueCommandPayload,
    description: 'Queues a command for one enrolment or for many.',
    authScopes: { scope: 'commands:write' },
    errors: outcomesOf('enqueueCommand', targetErrors),
    args: {
      input: t.arg({
        type: EnqueueCommandInput,
        required: true,
        description: 'What, and to whom.',
      }),
    },
    resolve: async (_root, { input }, context, info) => {
      const { useCases, viewer } = context;
      const { plist } = input.command;
      if (typeof plist !== 'string') {
        throw new ValidationError('NO_COMMAND', 'Give a command.', ['input', 'command']);
      }
      const answer = await useCases.enqueueCommand(viewer, {
        ...(await bulkOf(context, input)),
        plist: Buffer.from(plist, 'utf8'),
        expectedCount: expectedCountOf(input.expectedCount, 'enrolments'),
        push: input.push,
        force: input.force,
        sampled: asksFor(info, 'targets'),
        timing: {
          priority: input.priority,
          notBefore: input.notBefore ?? null,
          expiresAt: input.expiresAt ?? null,
        },
      });
      if (answer.refused.length === 0) return answer;
      return { ...answer, refused: asGiven(input.targets, answer.refused) };
    },
  }),
);
