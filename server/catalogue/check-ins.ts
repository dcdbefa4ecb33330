import { checkInsData } from './facts/check-ins.ts';
import type { MessageDefinition } from './definition.ts';

const byType: ReadonlyMap<string, MessageDefinition> = new Map(
  checkInsData.map((checkIn) => [checkIn.type, checkIn]),
);

/** Every MessageType of Apple's schema, in alphabetical order. */
export const messageTypes: readonly string[] = [...byType.keys()];

/** What Apple's schema says of a check-in message; undefined for a type that it does not know. */
export function checkInDefinition(messageType: string): MessageDefinition | undefined {
  return byType.get(messageType);
}
