import { z } from 'zod';
import type { KeyDefinition, Mode, Platforms, Support } from '../../server/catalogue/definition.ts';
import { isSecret } from './secrets.ts';

const mode = z.enum(['allowed', 'forbidden', 'ignored', 'required']) satisfies z.ZodType<Mode>;
const words = z.array(z.string());
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** Strict everywhere: an attribute that a new release of Apple's schema brings must be seen. */
const supportSchema = z.strictObject({
  introduced: z.string().optional(),
  deprecated: z.string().optional(),
  removed: z.string().optional(),
  accessrights: z.string().optional(),
  supervised: z.boolean().optional(),
  requiresdep: z.boolean().optional(),
  userapprovedmdm: z.boolean().optional(),
  devicechannel: z.boolean().optional(),
  userchannel: z.boolean().optional(),
  allowmanualinstall: z.boolean().optional(),
  multiple: z.boolean().optional(),
  'always-skippable': z.boolean().optional(),
  'allowed-enrollments': words.optional(),
  'allowed-scopes': words.optional(),
  userenrollment: z.strictObject({ mode }).optional(),
  sharedipad: z
    .strictObject({
      mode: mode.optional(),
      devicechannel: z.boolean().optional(),
      userchannel: z.boolean().optional(),
      'allowed-scopes': words.optional(),
    })
    .optional(),
});
const platform = z.enum(['iOS', 'macOS', 'tvOS', 'visionOS', 'watchOS']);
const platformsSchema = z.partialRecord(platform, supportSchema);

const keySchema = z.strictObject({
  key: z.string(),
  type: z.string(),
  presence: z.enum(['required', 'optional']).optional(),
  supportedOS: z.unknown().optional(),
  rangelist: z.array(scalar).optional(),
  range: z.strictObject({ min: z.number().optional(), max: z.number().optional() }).optional(),
  repetition: z.strictObject({ min: z.number().optional(), max: z.number().optional() }).optional(),
  format: z.string().optional(),
  subtype: z.string().optional(),
  default: z.union([scalar, z.array(scalar)]).optional(),
  combinetype: z.string().optional(),
  assettypes: words.optional(),
  'asset-content-types': words.optional(),
  subkeytype: z.string().optional(),
  // Validated by the walk below: the documents refer to themselves, and prose is dropped.
  subkeys: z.custom<unknown>(() => true).optional(),
  title: z.unknown().optional(),
  content: z.unknown().optional(),
});

const keyType = z.enum([
  'any',
  'array',
  'boolean',
  'data',
  'date',
  'dictionary',
  'integer',
  'real',
  'string',
]);

/** The support table of a payload or key, shortened: `n/a` is null, a bare version a string. */
export function platforms(source: unknown): Platforms {
  const facts = Object.entries(platformsSchema.parse(source ?? {})).map(([name, support]) => {
    const { userenrollment, ...rest } = support;
    const all = { ...rest, ...(userenrollment && { userenrollment: userenrollment.mode }) };
    if (support.introduced === 'n/a') return [name, null];
    const bare = Object.keys(all).length === 1 && all.introduced !== undefined;
    return [name, bare ? all.introduced : all];
  });
  return Object.fromEntries<Support | string | null>(facts as [string, Support | string | null][]);
}

interface Walk {
  /** The file, from the schema's root, for the list of secrets. */
  readonly file: string;
  /** The keys above, from the outermost. */
  readonly path: readonly string[];
  /** The `subkeys` arrays above, by identity: documents that refer to themselves end there. */
  readonly above: readonly { readonly key: string; readonly subkeys: unknown }[];
  /** Below a string there are only names of values. */
  readonly names: boolean;
  readonly used: Set<string>;
}

function keyFacts(source: unknown, walk: Walk): KeyDefinition {
  const raw = keySchema.parse(source);
  const type = keyType.parse(raw.type.replace(/[<>]/g, ''));
  const path = [...walk.path, raw.key];
  const secret =
    !walk.names && isSecret(walk.file, path, { key: raw.key, type, ...values(raw) }, walk.used);
  const support = platforms(raw.supportedOS);
  return {
    key: raw.key,
    type,
    ...(raw.presence === 'required' && { required: true as const }),
    ...(secret && { secret: true as const }),
    ...(Object.keys(support).length > 0 && { os: support }),
    ...values(raw),
    ...(raw.range?.min !== undefined && { min: raw.range.min }),
    ...(raw.range?.max !== undefined && { max: raw.range.max }),
    ...(raw.repetition && {
      repetition: [raw.repetition.min ?? null, raw.repetition.max ?? null] as const,
    }),
    ...(raw.format !== undefined && { format: raw.format }),
    ...(raw.subtype !== undefined && { subtype: raw.subtype.replace(/[<>]/g, '') }),
    ...(raw.default !== undefined && { default: raw.default }),
    ...(raw.combinetype !== undefined && { combine: raw.combinetype }),
    ...(raw.assettypes && { assets: raw.assettypes }),
    ...(raw['asset-content-types'] && { media: raw['asset-content-types'] }),
    ...(raw.subkeytype !== undefined && { name: raw.subkeytype }),
    ...subkeys(raw, type, { ...walk, path }),
  };
}

function values(raw: z.infer<typeof keySchema>): Pick<KeyDefinition, 'values'> {
  return raw.rangelist === undefined ? {} : { values: raw.rangelist };
}

function subkeys(
  raw: z.infer<typeof keySchema>,
  type: KeyDefinition['type'],
  walk: Walk,
): Pick<KeyDefinition, 'keys' | 'keysOf'> {
  if (raw.subkeys === undefined) return {};
  const again = walk.above.find((ancestor) => ancestor.subkeys === raw.subkeys);
  if (again) return { keysOf: again.key };
  const above = [...walk.above, { key: raw.key, subkeys: raw.subkeys }];
  const names = walk.names || type === 'string';
  const list = z.array(z.unknown()).parse(raw.subkeys);
  return { keys: list.map((source) => keyFacts(source, { ...walk, above, names })) };
}

/**
 * The facts of a list of keys.
 * @param part  `response` for the keys of an answer, which the list of secrets names so
 */
export function keys(
  source: unknown,
  file: string,
  used: Set<string>,
  part?: 'response',
): KeyDefinition[] {
  const list = z.array(z.unknown()).parse(source ?? []);
  const walk: Walk = { file, path: part ? [part] : [], above: [], names: false, used };
  return list.map((key) => keyFacts(key, walk));
}
