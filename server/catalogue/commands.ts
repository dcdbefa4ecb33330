import { commandsData } from './facts/commands.ts';
import type { KeyDefinition, MessageDefinition } from './definition.ts';

const byType: ReadonlyMap<string, MessageDefinition> = new Map(
  commandsData.map((command) => [command.type, command]),
);

/** Every RequestType of Apple's schema, in alphabetical order. */
export const requestTypes: readonly string[] = [...byType.keys()];

/** What Apple's schema says of a command; undefined for a RequestType that it does not know. */
export function commandDefinition(requestType: string): MessageDefinition | undefined {
  return byType.get(requestType);
}

/** The keys that a command may have beside RequestType; none for an unknown type. */
export function payloadKeys(requestType: string): readonly KeyDefinition[] {
  return byType.get(requestType)?.keys ?? [];
}

/** The keys that a command's answer may have beside those of every answer. */
export function responseKeys(requestType: string): readonly KeyDefinition[] {
  return byType.get(requestType)?.response ?? [];
}
