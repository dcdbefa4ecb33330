import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type {
  DeclarationDefinition,
  MessageDefinition,
  PayloadDefinition,
} from '../../server/catalogue/definition.ts';
import { keys, platforms } from './facts.ts';
import { unusedSecretPaths } from './secrets.ts';

const documentSchema = z.object({
  payload: z.object({
    requesttype: z.string().optional(),
    payloadtype: z.string().optional(),
    declarationtype: z.string().optional(),
    credentialtype: z.string().optional(),
    statusitemtype: z.string().optional(),
    apply: z.enum(['combined', 'multiple', 'single']).optional(),
    supportedOS: z.unknown().optional(),
  }),
  payloadkeys: z.unknown().optional(),
  responsekeys: z.unknown().optional(),
  reasons: z.array(z.object({ value: z.string() })).optional(),
  'related-status-items': z.array(z.object({ 'status-items': z.array(z.string()) })).optional(),
});
type Document = z.infer<typeof documentSchema>;

/** Everything that the catalogue takes from Apple's schema, each list in a stable order. */
export interface Catalogue {
  readonly commands: readonly MessageDefinition[];
  readonly checkIns: readonly MessageDefinition[];
  readonly profiles: readonly PayloadDefinition[];
  readonly declarations: readonly DeclarationDefinition[];
  readonly statusItems: readonly PayloadDefinition[];
  readonly errors: readonly PayloadDefinition[];
  readonly documents: readonly PayloadDefinition[];
}

interface Source {
  readonly file: string;
  /** The file's name without folder and ending. */
  readonly stem: string;
  readonly document: Document;
}

function sources(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yaml'))
    .map(({ name }) => ({
      file: `${folder}/${name}`,
      stem: name.slice(0, -'.yaml'.length),
      document: documentSchema.parse(parse(readFileSync(join(root, folder, name), 'utf8'))),
    }));
}

function byType<T extends { type: string; name?: string }>(list: readonly T[]): T[] {
  const order = ({ type, name }: T): string => `${type}\0${name ?? ''}`;
  return list.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}

const declarationFolders = [
  ['', 'base'],
  ['/activations', 'activation'],
  ['/assets', 'asset'],
  ['/assets/credentials', 'credential'],
  ['/configurations', 'configuration'],
  ['/management', 'management'],
] as const;

/**
 * Reads Apple's schema.
 * @param root  the folder that holds `mdm`, `declarative` and `other`
 * @throws when the schema says something that the catalogue has no place for
 */
export function readCatalogue(root: string): Catalogue {
  const used = new Set<string>();

  const message = ({ file, stem, document }: Source): MessageDefinition => ({
    type: document.payload.requesttype ?? stem,
    os: platforms(document.payload.supportedOS),
    keys: keys(document.payloadkeys, file, used),
    response: keys(document.responsekeys, file, used, 'response'),
  });
  const payload = ({ file, stem, document }: Source): PayloadDefinition => {
    const { payload: head } = document;
    const type =
      head.payloadtype ??
      head.declarationtype ??
      head.credentialtype ??
      head.statusitemtype ??
      head.requesttype ??
      stem;
    return {
      type,
      ...(head.payloadtype !== undefined && stem !== type && { name: stem }),
      os: platforms(head.supportedOS),
      keys: keys(document.payloadkeys, file, used),
    };
  };
  const declaration =
    (kind: DeclarationDefinition['kind']) =>
    (source: Source): DeclarationDefinition => {
      const { payload: head, reasons } = source.document;
      const status = source.document['related-status-items']?.flatMap((x) => x['status-items']);
      const { type, os, keys: payloadKeys } = payload(source);
      return {
        kind,
        type,
        ...(head.apply && { apply: head.apply }),
        ...(status && { status }),
        ...(reasons && { reasons: reasons.map(({ value }) => value) }),
        os,
        keys: payloadKeys,
      };
    };

  const catalogue: Catalogue = {
    commands: byType(sources(root, 'mdm/commands').map(message)),
    checkIns: byType(sources(root, 'mdm/checkin').map(message)),
    profiles: byType(sources(root, 'mdm/profiles').map(payload)),
    declarations: declarationFolders.flatMap(([folder, kind]) =>
      byType(sources(root, `declarative/declarations${folder}`).map(declaration(kind))),
    ),
    statusItems: byType(sources(root, 'declarative/status').map(payload)),
    errors: byType(sources(root, 'mdm/errors').map(payload)),
    documents: byType(
      ['declarative/protocol', 'other'].flatMap((folder) => sources(root, folder).map(payload)),
    ),
  };
  const lost = unusedSecretPaths(used);
  if (lost.length > 0)
    throw new Error(`listed as secret, but not in the schema: ${lost.join('; ')}`);
  return catalogue;
}
