import { declarationsData } from './facts/declarations.ts';
import { statusItemsData } from './facts/status-items.ts';
import type { DeclarationDefinition, PayloadDefinition } from './definition.ts';

const byType: ReadonlyMap<string, DeclarationDefinition> = new Map(
  declarationsData.map((declaration) => [declaration.type, declaration]),
);
const statusByType: ReadonlyMap<string, PayloadDefinition> = new Map(
  statusItemsData.map((item) => [item.type, item]),
);

/** Every declaration type of Apple's schema that a server can send, by kind, then by name. */
export const declarationTypes: readonly string[] = declarationsData
  .filter(({ kind }) => kind !== 'base' && kind !== 'credential')
  .map(({ type }) => type);

/** Every status item of Apple's schema, in alphabetical order. */
export const statusItemTypes: readonly string[] = [...statusByType.keys()];

/** What Apple's schema says of a declaration (or of a credential document that an asset names). */
export function declarationDefinition(type: string): DeclarationDefinition | undefined {
  return byType.get(type);
}

/** What Apple's schema says of a status item. */
export function statusItemDefinition(type: string): PayloadDefinition | undefined {
  return statusByType.get(type);
}
