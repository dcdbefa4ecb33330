import { jsonToPlist } from '../server/model/plist-json.ts';
import type { SectionHead } from '../server/store/read/inventory.ts';
import { dictOf, typeInside } from './answer-types.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Command } from './command.ts';
import type { GraphContext } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { linkCommand } from './load.ts';
import { connectionOf, cursorCodec, pageOfList, stretchOf } from './page.ts';

/** The enrolment whose inventory it is. */
interface InventoryOf {
  readonly key: bigint;
}

const InventorySection = builder.objectRef<SectionHead>('InventorySection').implement({
  description: 'A part of an inventory, and where it is from.',
  authScopes: { scope: 'enrollments:read' },
  fields: (t) => ({
    section: t.exposeString('section', {
      description: 'The type of command whose answers it is made of, such as `DeviceInformation`.',
    }),
    receivedAt: t.expose('answeredAt', {
      type: 'DateTime',
      description: 'When the newest answer came.',
    }),
    command: t.prismaField({
      type: Command,
      nullable: true,
      description: 'The command that it answered; null when that is no longer kept.',
      resolve: (query, { commandKey }, _args, context) => linkCommand(context, commandKey, query),
    }),
  }),
});

const headsOfLevel = batched<bigint, readonly SectionHead[], null>(({ lists, viewer }, keys) =>
  lists.inventorySections(viewer, keys),
);

const contentOfLevel = batched<bigint, unknown, string>(({ lists, viewer }, keys, section) =>
  lists.inventoryContents(viewer, keys, section),
);

async function contentOf(
  context: GraphContext,
  { key }: InventoryOf,
  section: string,
): Promise<unknown> {
  const json = await contentOfLevel(context, section, key, section);
  return json === undefined ? null : jsonToPlist(json);
}

const Inventory = builder.objectRef<InventoryOf>('Inventory').implement({
  description:
    'What a device has told of itself in its answers to commands that ask for it, the newest of each. ' +
    'Secrets are not in it.',
  authScopes: { scope: 'enrollments:read' },
  fields: (t) => ({
    sections: t.field({
      type: [InventorySection],
      description: 'Which parts there are, and since when.',
      resolve: async ({ key }, _args, context) =>
        (await headsOfLevel(context, 'heads', key, null)) ?? [],
    }),
    deviceInformation: t.field({
      type: typeInside('DeviceInformation', 'QueryResponses'),
      nullable: true,
      description:
        'What it told when asked by DeviceInformation: each value as it was last told, of one answer or ' +
        'of several. Null: it never was asked.',
      resolve: async (of, _args, context) =>
        dictOf(await contentOf(context, of, 'DeviceInformation')),
    }),
    securityInfo: t.field({
      type: typeInside('SecurityInfo', 'SecurityInfo'),
      nullable: true,
      description: 'What it last told when asked by SecurityInfo; null: it never was asked.',
      resolve: async (of, _args, context) => dictOf(await contentOf(context, of, 'SecurityInfo')),
    }),
    restrictions: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'What it last told when asked by Restrictions; null: it never was asked.',
      resolve: (of, _args, context) => contentOf(context, of, 'Restrictions'),
    }),
    managedApplications: t.field({
      type: 'PlistJSON',
      nullable: true,
      description:
        'The applications that it manages, by bundle id, as it last told when asked by ' +
        'ManagedApplicationList; null: it never was asked.',
      resolve: (of, _args, context) => contentOf(context, of, 'ManagedApplicationList'),
    }),
  }),
});

builder.prismaInterfaceField(Enrollment, 'inventory', (t) =>
  t.field({
    type: Inventory,
    description: 'What it has told of itself.',
    resolve: ({ key }) => ({ key }),
  }),
);

const lists = [
  ['applications', 'InstalledApplicationList', 'InstalledApplicationList', 'InstalledApplication'],
  ['profiles', 'ProfileList', 'ProfileList', 'InstalledProfile'],
  ['certificates', 'CertificateList', 'CertificateList', 'InstalledCertificate'],
  [
    'provisioningProfiles',
    'ProvisioningProfileList',
    'ProvisioningProfileList',
    'InstalledProvisioningProfile',
  ],
  ['users', 'UserList', 'Users', 'DeviceUser'],
  ['availableUpdates', 'AvailableOSUpdates', 'AvailableOSUpdates', 'AvailableOSUpdate'],
  ['updates', 'OSUpdateStatus', 'OSUpdateStatus', 'OSUpdateState'],
] as const;

for (const [field, section, root, name] of lists) {
  const type = typeInside(section, root);
  // Items have no key of their own: a position is good as long as the list is the same.
  const cursor = cursorCodec<number>(
    field,
    (index) => [String(index)],
    ([index]) => (index !== undefined && /^\d{1,9}$/.test(index) ? Number(index) : null),
  );
  const connection = builder.connectionObject(
    {
      type,
      name: `${name}Connection`,
      description: `A page of what a device lists.`,
      fields: (t) => ({
        totalCount: t.int({
          description: 'How many there are in all.',
          resolve: (page) => totals.get(page.edges) ?? 0,
        }),
      }),
    },
    { name: `${name}Edge`, description: 'An item in a list, with its position.' },
  );
  builder.objectField(Inventory, field, (t) =>
    t.connection(
      {
        type,
        nullable: true,
        description:
          `What it last listed when asked by ${section}, in its order; null: it never was asked. A ` +
          'cursor is a position, and good until the device lists something else.',
        resolve: async (of, args, context) => {
          const stretch = stretchOf(args, cursor);
          const content = await contentOf(context, of, section);
          if (!Array.isArray(content)) return null;
          const items = content.map((item, index) => ({ index, node: dictOf(item) ?? {} }));
          const answer = connectionOf(pageOfList(items, stretch), stretch, ({ index, node }) => ({
            cursor: cursor.encode(index),
            node,
          }));
          totals.set(answer.edges, items.length);
          return answer;
        },
      },
      connection,
    ),
  );
}

/** By the edges of a page: the objects between are made by the plugin. */
const totals = new WeakMap<object, number>();
