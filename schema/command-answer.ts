import { requestTypes, responseKeys } from '../server/catalogue/commands.ts';
import { beside } from '../server/model/beside.ts';
import { mismatchesOf } from './answer-mismatches.ts';
import { type Dict, dictFields, dictOf, dictRef } from './answer-types.ts';
import { builder } from './builder.ts';
import { CommandResult } from './command-result.ts';
import { shownDecoded } from './raw.ts';

/** Of each answer on its way: the type of the command. */
const requestTypeOf = beside<Dict, string>();

function answerTypeName(requestType: string): string {
  return `${requestType}Answer`;
}

/** Types of command whose answers Apple's schema describes. */
const described = requestTypes.filter((type) => responseKeys(type).length > 0);

const CommandAnswer = builder.interfaceRef<Dict>('CommandAnswer').implement({
  description:
    'What a device answered, typed by Apple’s schema: an object type for each type of command that has ' +
    'an answer, such as `DeviceInformationAnswer`.',
  resolveType: (dict) => answerTypeName(requestTypeOf.of(dict) ?? ''),
  fields: (t) => ({
    mismatches: t.stringList({
      description:
        'Where the device sent another type than Apple’s schema says, such as ' +
        '`QueryResponses.BatteryLevel: string instead of real`, 50 at most. The field there is null; ' +
        'what was sent is in `raw` and `decoded`.',
      resolve: (dict) => mismatchesOf(dict, responseKeys(requestTypeOf.of(dict) ?? '')),
    }),
  }),
});

for (const requestType of described) {
  dictRef(answerTypeName(requestType)).implement({
    description: `A device’s answer to ${requestType}.`,
    interfaces: [CommandAnswer],
    fields: (t) => dictFields(t, responseKeys(requestType), requestType),
  });
}

const known: ReadonlySet<string> = new Set(described);

builder.objectField(CommandResult, 'answer', (t) =>
  t.field({
    type: CommandAnswer,
    nullable: true,
    description:
      'The device’s report as an object of the type that fits the command: null as long as there is no ' +
      'report, for reports that cannot be decoded, and for types of command that Apple’s schema does not ' +
      'know or gives no answer; `decoded` has those. Secrets as in `raw`.',
    resolve: async (row, _args, context) => {
      const { requestType } = row;
      if (!known.has(requestType)) return null;
      const dict = dictOf(await shownDecoded(context, row));
      if (dict !== null) requestTypeOf.keep(dict, requestType);
      return dict;
    },
  }),
);
