import type { TargetRow } from '../server/store/read/command-targets.ts';
import type { Count } from '../server/store/read/count.ts';
import { emptyPage, type Page, type Stretch } from '../server/store/read/keyset.ts';
import { type ResultKey, type ResultRow, resultKey } from '../server/store/read/results.ts';
import type { TargetState } from '../server/model/targets.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { CommandResult } from './command-result.ts';
import { counted, countFields } from './count.ts';
import { Enrollment } from './enrollment.ts';
import { linkEnrollment } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';
import { isRefusalCode, RefusalCodeEnum } from './refusal-code.ts';
import { TargetStateEnum, wantedStates } from './target-state.ts';

const resultsOfLevel = batched<ResultKey, ResultRow, null>(({ lists, viewer }, keys) =>
  lists.resultsByKey(viewer, keys),
);

const CommandTarget = builder.objectRef<TargetRow>('CommandTarget').implement({
  description: 'An enrolment that a command was meant for, and how it stands there.',
  authScopes: { scope: 'commands:read' },
  fields: (t) => ({
    enrollmentId: t.exposeString('enrollmentId', { description: "The enrolment's natural id." }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The enrolment.',
      resolve: (query, { enrollmentKey }, _args, context) =>
        linkEnrollment(context, enrollmentKey, query),
    }),
    state: t.expose('state', { type: TargetStateEnum, description: 'How it stands.' }),
    rule: t.field({
      type: RefusalCodeEnum,
      nullable: true,
      description: 'Why it was refused, if it was.',
      resolve: ({ rule }) => (isRefusalCode(rule) ? rule : null),
    }),
    status: t.exposeString('status', {
      nullable: true,
      description:
        "The device's own word: `Acknowledged`, `Error` or `CommandFormatError`. An answer that came " +
        'too late stands here too, and leaves `state` as it was.',
    }),
    queuedAt: t.expose('queuedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was queued; null when it was refused.',
    }),
    firstSentAt: t.expose('firstSentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was first handed to the device; null: not known to be sent.',
    }),
    notNowAt: t.expose('notNowAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device first put it off, if it did.',
    }),
    notNowTally: t.exposeInt('notNowTally', {
      description: 'How many times the device has put it off.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it left the queue, or was refused; null as long as it waits.',
    }),
    answeredAt: t.expose('answeredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device answered.',
    }),
    result: t.field({
      type: CommandResult,
      nullable: true,
      description: 'What the device answered, and how it ended; null as long as it waits.',
      resolve: async (row, _args, context) =>
        row.endedAt === null || row.state === 'REFUSED'
          ? null
          : ((await resultsOfLevel(context, 'results', resultKey(row), null)) ?? null),
    }),
  }),
});

const targetCursor = cursorCodec<bigint>(
  'targets',
  (key) => [String(key)],
  ([key]) => parseKey(key),
);

interface Wanted {
  readonly states: readonly TargetState[] | null;
  readonly stretch: Stretch<bigint>;
}

const targetsOfLevel = batched<bigint, Page<TargetRow>, Wanted>(
  ({ lists, viewer }, keys, { states, stretch }) =>
    lists.targetPages(viewer, keys, states, stretch),
);

const countsOfLevel = batched<bigint, Count, readonly TargetState[] | null>(
  ({ lists, viewer }, keys, states) => lists.countTargets(viewer, keys, states),
);

builder.prismaObjectField(Command, 'targets', (t) =>
  t.connection(
    {
      type: CommandTarget,
      description:
        'The enrolments that it was meant for, in the order in which they were made, and how each ' +
        'stands. Kept as long as history is.',
      args: {
        states: t.arg({
          type: [TargetStateEnum],
          description: 'Only those that stand so; absent: all.',
        }),
      },
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, targetCursor);
        const states = wantedStates(args.states);
        const wanted = { states, stretch };
        const page = await targetsOfLevel(context, JSON.stringify(args), key, wanted);
        return {
          ...connectionOf(page ?? emptyPage, stretch, (node) => ({
            cursor: targetCursor.encode(node.enrollmentKey),
            node,
          })),
          ...counted(() => countsOfLevel(context, JSON.stringify(states), key, states)),
        };
      },
    },
    {
      name: 'CommandTargetConnection',
      description: "A page of a command's targets.",
      fields: (field) =>
        countFields(
          field,
          'How many stand so',
          'what `commandProgress` counts, which is behind by moments and counts what is no longer kept',
        ),
    },
    { name: 'CommandTargetEdge', description: "A command's target, with its position." },
  ),
);
