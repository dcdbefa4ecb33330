import { ValidationError } from '../server/model/errors.ts';
import type { CommandFilter } from '../server/store/read/command-filter.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { counted, countFields } from './count.ts';
import { findCommands, nodesQuery } from './load.ts';
import { connectionOf, stretchOf } from './page.ts';
import { timedCursor } from './timed-cursor.ts';

const CommandState = builder.enumType('CommandState', {
  description: 'Whether a command still waits for anybody.',
  values: {
    OPEN: { description: 'It is in the queue of at least one enrolment.' },
    FINISHED: { description: 'It is in no queue any more.' },
  } as const,
});

const CommandFilterInput = builder.inputType('CommandFilterInput', {
  description: 'Which commands: every member that is given must hold; an absent one means any.',
  fields: (t) => ({
    requestTypes: t.stringList({ description: 'Of one of these RequestTypes.' }),
    createdFrom: t.field({ type: 'DateTime', description: 'Made at this time or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Made before this time.' }),
    createdBy: t.string({ description: 'Made by this one, such as `token:<name>`, exactly.' }),
    state: t.field({ type: CommandState, description: 'Open or finished.' }),
  }),
});

const commandCursor = timedCursor('commands');

builder.queryField('commands', (t) =>
  t.connection(
    {
      type: Command,
      description: 'Commands, the newest first.',
      authScopes: { scope: 'commands:read' },
      args: {
        filter: t.arg({ type: CommandFilterInput, description: 'Only these; absent: all.' }),
      },
      resolve: async (_root, { filter, ...args }, context, info) => {
        const stretch = stretchOf(args, commandCursor);
        const { lists, viewer } = context;
        const wanted = filterOf(filter ?? {});
        const page = await lists.commandPage(viewer, wanted, stretch);
        const keys = page.rows.map(({ key }) => key);
        const found = await findCommands(context, keys, nodesQuery(context, info));
        const rows = page.rows.flatMap((at) => {
          const node = found.get(at.key);
          return node ? [{ at, node }] : [];
        });
        return {
          ...connectionOf({ rows, more: page.more }, stretch, ({ at, node }) => ({
            cursor: commandCursor.encode(at),
            node,
          })),
          ...counted(() => lists.countCommands(viewer, wanted)),
        };
      },
    },
    {
      name: 'CommandConnection',
      description: 'A page of commands.',
      fields: (field) =>
        countFields(field, 'How many the filter finds', 'what the database guesses'),
    },
    { name: 'CommandEdge', description: 'A command in a list, with its position.' },
  ),
);

/** @throws {ValidationError} an empty list, or a text that nothing can have */
function filterOf(input: typeof CommandFilterInput.$inferInput): CommandFilter {
  const { requestTypes, createdFrom, createdBefore, createdBy, state } = input;
  if (requestTypes?.length === 0) {
    throw new ValidationError(
      'EMPTY_LIST',
      '`requestTypes` is empty, so that nothing could ever match. Leave it out to mean any.',
      ['filter', 'requestTypes'],
    );
  }
  if (requestTypes?.some(hasNul)) throw notAText('requestTypes');
  if (typeof createdBy === 'string' && hasNul(createdBy)) throw notAText('createdBy');
  return {
    ...(requestTypes && { requestTypes: [...new Set(requestTypes)] }),
    ...(createdFrom && { createdFrom }),
    ...(createdBefore && { createdBefore }),
    ...(typeof createdBy === 'string' && { createdBy }),
    ...(state && { open: state === 'OPEN' }),
  };
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

function notAText(name: string): ValidationError {
  return new ValidationError('NOT_A_TEXT', 'A name holds no NUL.', ['filter', name]);
}
