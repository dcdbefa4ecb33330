import { encodeCursor } from '../server/events/cursor.ts';
import { jsonToPlist } from '../server/model/plist-json.ts';
import type { InventoryChangeRow } from '../server/store/read/inventory.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import { type ResultKey, resultKey } from '../server/store/read/results.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import { CommandResult } from './command-result.ts';
import { Enrollment } from './enrollment.ts';
import { linkCommand } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';

const InventoryChange = builder.objectRef<InventoryChangeRow>('InventoryChange').implement({
  description: 'A line of the history of what an enrolment is like.',
  authScopes: { scope: 'enrollments:read' },
  fields: (t) => ({
    section: t.exposeString('section', {
      description: 'The type of command whose answer it is, such as `DeviceInformation`.',
    }),
    field: t.exposeString('field', {
      description:
        'What changed: the path in the section, such as `OSVersion`; in a list the id of the item, ' +
        'such as a bundle id.',
    }),
    previous: t.field({
      type: 'PlistJSON',
      nullable: true,
      description:
        'What was known before; null: nothing. `{"$$omitted": n}` stands for a value of n characters ' +
        'that is too long to keep.',
      resolve: ({ previous }) => jsonToPlist(previous),
    }),
    current: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'What is known since; null: it is gone.',
      resolve: ({ current }) => jsonToPlist(current),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the device told it.' }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command that it answered; null when that is no longer kept.',
      resolve: (query, { commandKey }, _args, context) => linkCommand(context, commandKey, query),
    }),
  }),
});

const changeCursor = cursorCodec<bigint>(
  'inventory-changes',
  (key) => [String(key)],
  ([key]) => parseKey(key),
);

const changesOfLevel = batched<bigint, Page<InventoryChangeRow>, Stretch<bigint>>(
  ({ lists, viewer }, keys, stretch) => lists.inventoryChangePages(viewer, keys, stretch),
);

builder.prismaInterfaceField(Enrollment, 'inventoryChanges', (t) =>
  t.connection(
    {
      type: InventoryChange,
      description:
        'How its inventory has changed, in the order in which that was found out: `last: 20` are the ' +
        'newest.',
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, changeCursor);
        const page = await changesOfLevel(context, JSON.stringify(args), key, stretch);
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: changeCursor.encode(node.key),
          node,
        }));
      },
    },
    { name: 'InventoryChangeConnection', description: 'A page of changes.' },
    { name: 'InventoryChangeEdge', description: 'A change in a list, with its position.' },
  ),
);

const positionOfLevel = batched<bigint, { streamId: string; position: bigint }, null>(
  ({ lists, viewer }, keys) => lists.inventoryPositions(viewer, keys),
);

builder.prismaInterfaceField(Enrollment, 'inventoryCursor', (t) =>
  t.string({
    nullable: true,
    description:
      'How far its inventory is: everything up to this event is in it, written with up to a second’s ' +
      'delay. As `after` of a subscription it gives the events that may still change it.',
    resolve: async ({ key }, _args, context) => {
      const found = await positionOfLevel(context, 'positions', key, null);
      return found === undefined ? null : encodeCursor(found.streamId, found.position);
    },
  }),
);

const problemOfLevel = batched<ResultKey, string, null>(({ lists, viewer }, keys) =>
  lists.inventoryProblems(viewer, keys),
);

builder.objectField(CommandResult, 'inventoryProblem', (t) =>
  t.string({
    nullable: true,
    description:
      'Why the report is not in the inventory although its type would be, such as that it cannot be ' +
      'decoded; null when it is, and for types that are none.',
    resolve: async (row, _args, context) =>
      (await problemOfLevel(context, 'problems', resultKey(row), null)) ?? null,
  }),
);
