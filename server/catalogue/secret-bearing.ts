import { checkInDefinition } from './check-ins.ts';
import { commandDefinition } from './commands.ts';
import type { KeyDefinition, MessageDefinition } from './definition.ts';

/** Which message of a command or check-in: what asks (`body`), or what answers (`result`). */
export type Part = 'body' | 'result';

/** The definition's keys for one part of the conversation. */
export function keysOf(definition: MessageDefinition, part: Part): readonly KeyDefinition[] {
  return part === 'body' ? definition.keys : definition.response;
}

/** Whether a key, or one below it, is marked as secret. */
export function holdsSecret(key: KeyDefinition): boolean {
  return key.secret === true || (key.keys ?? []).some(holdsSecret);
}

function hasSecrets(definition: MessageDefinition | undefined, part: Part): boolean {
  return definition === undefined || keysOf(definition, part).some(holdsSecret);
}

/**
 * Whether a command of this type may carry PINs, passwords, tokens, keys or opaque payloads, so that
 * its bytes are sealed. A type that Apple's schema does not know counts as one that does.
 */
export function bodyHasSecrets(requestType: string): boolean {
  return hasSecrets(commandDefinition(requestType), 'body');
}

/** `bodyHasSecrets` for what devices answer to a command of this type. */
export function resultHasSecrets(requestType: string): boolean {
  return hasSecrets(commandDefinition(requestType), 'result');
}

/** `bodyHasSecrets` for a check-in message. */
export function checkInHasSecrets(messageType: string): boolean {
  return hasSecrets(checkInDefinition(messageType), 'body');
}

/**
 * The secret keys of one part of a command, such as `ReturnToService.WiFiProfileData`. Items of an
 * array appear with Apple's label for them; for an unknown type nothing can be listed.
 */
export function secretKeys(requestType: string, part: Part): readonly string[] {
  const definition = commandDefinition(requestType);
  return definition === undefined ? [] : keysOf(definition, part).flatMap((key) => paths(key, ''));
}

function paths(key: KeyDefinition, above: string): string[] {
  const path = above + key.key;
  return key.secret ? [path] : (key.keys ?? []).flatMap((inner) => paths(inner, `${path}.`));
}
