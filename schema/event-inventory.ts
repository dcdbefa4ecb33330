import type { EventItem } from '../server/events/live-item.ts';
import { jsonToPlist } from '../server/model/plist-json.ts';
import { builder } from './builder.ts';
import { Event, eventTypeName, flagOf, intOf, textOf } from './event.ts';

interface Change {
  readonly field: string;
  readonly previous: unknown;
  readonly current: unknown;
}

const InventoryFieldChange = builder.objectRef<Change>('InventoryFieldChange').implement({
  description: 'One thing that is different now.',
  fields: (t) => ({
    field: t.exposeString('field', {
      description:
        'What: the path in the section, such as `OSVersion` or `FirewallSettings.StealthMode`; in a ' +
        'list the id of the item, such as a bundle id.',
    }),
    previous: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'What was known before; null: nothing.',
      resolve: ({ previous }) => jsonToPlist(previous),
    }),
    current: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'What is known now; null: it is gone.',
      resolve: ({ current }) => jsonToPlist(current),
    }),
  }),
});

export const InventoryChanged = builder
  .objectRef<EventItem>(eventTypeName('InventoryChanged'))
  .implement({
    description:
      'A device’s answer changed what is known of it. Values that change all the time, such as the ' +
      'battery level, make no event of their own.',
    interfaces: [Event],
    fields: (t) => ({
      section: t.string({
        nullable: true,
        description: 'The type of command whose answer it is, such as `DeviceInformation`.',
        resolve: textOf('section'),
      }),
      first: t.boolean({
        description: 'Whether nothing of the section was known before; no changes are listed then.',
        resolve: (item) => flagOf('first')(item) ?? false,
      }),
      changeCount: t.int({
        nullable: true,
        description: 'How many things are different.',
        resolve: intOf('changeCount'),
      }),
      changes: t.field({
        type: [InventoryFieldChange],
        description:
          'What is different, as far as it fits into an event; `inventoryChanges` of the enrolment ' +
          'has all of it.',
        resolve: (item) => changesIn(textOf('changes')(item) ?? '[]'),
      }),
    }),
  });

function changesIn(text: string): Change[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown) => {
    if (!Array.isArray(one)) return [];
    const [field, previous, current]: unknown[] = one;
    return typeof field === 'string' ? { field, previous, current } : [];
  });
}
