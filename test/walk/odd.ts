import {
  coerceInputValue,
  getNullableType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
} from 'graphql';

/** A value of an argument that nobody means. */
export interface Odd {
  /** Where in the argument it stands, and what it is. */
  readonly name: string;
  readonly value: unknown;
}

/** A cursor as lists through Prisma have it, and one as events have it. */
const cursors = [
  'GPC:N:1',
  'GPC:S:x',
  'GPC:I:999999999999999999999',
  '["commands","1"]',
  '["","",""]',
];

const texts = [
  '',
  ' ',
  '\0',
  'a\0b',
  'x'.repeat(70_000),
  '-1',
  '99999999999999999999',
  '00000000-0000-0000-0000-000000000000',
  // Global ids: of no type, of one that none has by its id, of one that is, with an odd rest.
  ...['Nothing:1', 'StrayReport:x', 'Job:\0', 'CheckIn:x', 'DeviceEnrollment:', 'Command:\0'].map(
    base64,
  ),
  ...cursors.map(base64),
];

const leaves: Readonly<Record<string, readonly unknown[]>> = {
  Int: [-1, 0, 2_147_483_647, -2_147_483_648],
  Float: [-1, 0, 1e300, -1e300],
  String: texts,
  ID: texts,
  Boolean: [true, false],
  DateTime: ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-11-28T00:00:00+14:00'],
  Base64: ['', 'AA==', 'x'.repeat(40_000)],
  PlistJSON: [null, [], {}],
};

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/**
 * Odd values of a type: one for each odd value that each of its members can have.
 * @param usual a value that works, which the others have their members from; null: none
 * @param without names of input types whose members are left as they are
 */
export function oddInputs(
  type: GraphQLInputType,
  usual: unknown,
  without: ReadonlySet<string> = new Set(),
): readonly Odd[] {
  return oddAt(type, usual, without).filter(({ value }) => isTaken(value, type));
}

/** Whether it has the type: what has not is refused by graphql itself. */
function isTaken(value: unknown, type: GraphQLInputType): boolean {
  let taken = true;
  coerceInputValue(value, type, () => {
    taken = false;
  });
  return taken;
}

function oddAt(
  given: GraphQLInputType,
  usual: unknown,
  above: ReadonlySet<string>,
): readonly Odd[] {
  const type = getNullableType(given);
  if (isListType(type)) {
    const inner = oddAt(type.ofType, Array.isArray(usual) ? usual[0] : null, above);
    return [
      { name: '[]', value: [] },
      ...inner.map(({ name, value }) => ({ name: `[${name}]`, value: [value] })),
    ];
  }
  if (isInputObjectType(type)) {
    if (above.has(type.name)) return [];
    const here = new Set([...above, type.name]);
    const rest: Readonly<Record<string, unknown>> = type.isOneOf ? {} : Object(usual ?? {});
    const fields = Object.values(type.getFields());
    return [
      { name: '{}', value: {} },
      ...fields.flatMap((field) =>
        oddAt(field.type, Object(usual)[field.name], here).map(({ name, value }) => ({
          name: `${field.name}: ${name}`,
          value: { ...rest, [field.name]: value },
        })),
      ),
    ];
  }
  if (isEnumType(type)) return type.getValues().map(({ name }) => ({ name, value: name }));
  return (leaves[type.name] ?? []).map((value) => ({
    name: JSON.stringify(value).slice(0, 60),
    value,
  }));
}
