import type { KeyDefinition } from '../server/catalogue/definition.ts';
import { responseKeys } from '../server/catalogue/commands.ts';
import { builder } from './builder.ts';

/** A dictionary of a property list, as its typed objects read it. */
export type Dict = Readonly<Record<string, unknown>>;

/** Names an object type that reads dictionaries. */
export function dictRef(name: string) {
  return builder.objectRef<Dict>(name);
}

type DictRef = ReturnType<typeof dictRef>;
type FieldBuilder = Parameters<NonNullable<Parameters<DictRef['implement']>[0]['fields']>>[0];

const made = new Map<readonly KeyDefinition[], DictRef>();
const names = new Set<string>();

/**
 * The object type for the keys of a dictionary, made once.
 * @param keys    a list of the catalogue's; its identity says which type it is
 * @param wanted  the type's name, if it is still free
 */
export function dictType(keys: readonly KeyDefinition[], wanted: string): DictRef {
  const known = made.get(keys);
  if (known) return known;
  const name = freeName(wanted);
  const ref = dictRef(name);
  made.set(keys, ref);
  ref.implement({
    description: 'A dictionary of a device’s answer, by Apple’s schema.',
    fields: (t) => dictFields(t, keys, name),
  });
  return ref;
}

/**
 * Fields for the keys of a dictionary. Every one is nullable: devices leave out what the schema calls
 * required, and a value of another type than it says reads as null.
 * @param prefix  what the names of the types of inner dictionaries begin with
 */
export function dictFields(t: FieldBuilder, keys: readonly KeyDefinition[], prefix: string) {
  return Object.fromEntries(fieldsOf(keys).map(([name, key]) => [name, fieldOf(t, key, prefix)]));
}

function fieldOf(t: FieldBuilder, key: KeyDefinition, prefix: string) {
  const secret = key.secret ? ', a secret: shown by the rules of `raw`' : '';
  const options = { nullable: true, description: `Apple’s \`${key.key}\`${secret}.` } as const;
  const read = (dict: Dict): unknown => dict[key.key];
  switch (key.type) {
    case 'string':
      return t.string({ ...options, resolve: (dict) => textOf(read(dict)) });
    case 'boolean':
      return t.boolean({ ...options, resolve: (dict) => flagOf(read(dict)) });
    // Whole numbers may be beyond what GraphQL calls Int: sizes in bytes are.
    case 'integer':
    case 'real':
      return t.float({ ...options, resolve: (dict) => numberOf(read(dict)) });
    case 'date':
      return t.field({ ...options, type: 'DateTime', resolve: (dict) => dateOf(read(dict)) });
    case 'data':
      return t.field({ ...options, type: 'Base64', resolve: (dict) => bytesOf(read(dict)) });
    case 'array':
      return listOf(t, key, prefix);
    case 'dictionary': {
      const inner = knownKeys(key);
      if (inner === null) return anyOf(t, key);
      const type = dictType(inner, joined(prefix, key.key));
      return t.field({ ...options, type, resolve: (dict) => dictOf(read(dict)) });
    }
    case 'any':
      return anyOf(t, key);
  }
}

function listOf(t: FieldBuilder, key: KeyDefinition, prefix: string) {
  const [item, second] = key.keys ?? [];
  if (item === undefined || second !== undefined) return anyOf(t, key);
  const options = {
    nullable: { list: true, items: true },
    description: `Apple’s \`${key.key}\`.`,
  } as const;
  const all =
    <T>(each: (value: unknown) => T | null) =>
    (dict: Dict) => {
      const value = dict[key.key];
      return Array.isArray(value) ? value.map(each) : null;
    };
  const inner = item.type === 'dictionary' ? knownKeys(item) : null;
  if (inner !== null) {
    const type = dictType(inner, joined(prefix, item.key));
    return t.field({ ...options, type: [type], resolve: all(dictOf) });
  }
  if (item.type === 'string') return t.stringList({ ...options, resolve: all(textOf) });
  if (item.type === 'data') return t.field({ ...options, type: ['Base64'], resolve: all(bytesOf) });
  if (item.type === 'date') {
    return t.field({ ...options, type: ['DateTime'], resolve: all(dateOf) });
  }
  return anyOf(t, key);
}

function anyOf(t: FieldBuilder, key: KeyDefinition) {
  return t.field({
    type: 'PlistJSON',
    nullable: true,
    description: `Apple’s \`${key.key}\`, which may hold anything.`,
    resolve: (dict) => dict[key.key] ?? null,
  });
}

/** The object type for what one key of a command's answer holds: a dictionary, or an item of a list. */
export function typeInside(requestType: string, root: string): DictRef {
  const key = responseKeys(requestType).find((one) => one.key === root);
  const holder = key?.type === 'array' ? key.keys?.[0] : key;
  const keys = holder && knownKeys(holder);
  if (!holder || !keys) throw new Error(`the catalogue has no ${requestType}.${root}`);
  return dictType(keys, joined(requestType, holder.key));
}

/** A dictionary, whatever it was made by. */
export function dictOf(value: unknown): Dict | null {
  const isDict =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array);
  return isDict ? { ...value } : null;
}

/** Fields by name; of two keys that would have the same name the first one has it. */
function fieldsOf(keys: readonly KeyDefinition[]): (readonly [string, KeyDefinition])[] {
  const fields = new Map<string, KeyDefinition>();
  for (const key of keys) {
    const name = fieldName(key.key);
    if (name !== '' && !fields.has(name)) fields.set(name, key);
  }
  return [...fields];
}

/** The keys of a dictionary whose keys are all named; null when they may be any. */
function knownKeys(key: KeyDefinition): readonly KeyDefinition[] | null {
  const { keys } = key;
  if (keys === undefined || keys.length === 0) return null;
  return keys.some((inner) => inner.key.startsWith('ANY')) ? null : keys;
}

function joined(prefix: string, key: string): string {
  const label = titled(key);
  return label.startsWith(prefix) ? label : prefix + label;
}

/** `OSVersion` is `osVersion`, `FDE_Enabled` is `fdeEnabled`, `UDID` is `udid`. */
function fieldName(key: string): string {
  const title = titled(key);
  const start = /^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+(?![a-z])|^[A-Z]/.exec(title)?.[0] ?? '';
  return start.toLowerCase() + title.slice(start.length);
}

function titled(key: string): string {
  return key
    .split(/[^A-Za-z\d]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function freeName(wanted: string): string {
  let name = wanted;
  for (let n = 2; names.has(name); n += 1) name = `${wanted}${n}`;
  names.add(name);
  return name;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function flagOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function dateOf(value: unknown): Date | null {
  return value instanceof Date ? value : null;
}

function bytesOf(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}
