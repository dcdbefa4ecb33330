import type { PlistDict, PlistValue } from '../protocol/plist/value.ts';
import { isPlistDict } from '../protocol/plist/value.ts';
import { checkInDefinition } from './check-ins.ts';
import { commandDefinition } from './commands.ts';
import type { KeyDefinition, MessageDefinition } from './definition.ts';
import type { Part } from './secret-bearing.ts';
import { holdsSecret, keysOf } from './secret-bearing.ts';
import { isSecretName } from './secret-names.ts';

/** What stands where a secret was. */
export const redacted = '<redacted>';

/** Keys of the protocol's envelope: never secret, also in messages of unknown type. */
const envelope: ReadonlySet<string> = new Set([
  'CommandUUID',
  'EnrollmentID',
  'EnrollmentUserID',
  'ErrorChain',
  'MessageType',
  'NotOnConsole',
  'RequestRequiresNetworkTether',
  'RequestType',
  'Status',
  'Topic',
  'UDID',
  'UserID',
  'UserLongName',
  'UserShortName',
]);

/**
 * A copy of a decoded command or result in which secrets are replaced by `<redacted>`. In a message
 * of unknown type everything but the envelope is; in a known one what its definition marks, what is
 * marked and has not the shape that it should have, and unknown keys whose names give them away.
 * @param value        the whole message: with `Command` in it for a body
 * @param requestType  null when it is not known which command a result answers
 */
export function redact(value: PlistValue, requestType: string | null, part: Part): PlistValue {
  if (!isPlistDict(value)) return redacted;
  const definition = requestType === null ? undefined : commandDefinition(requestType);
  if (part === 'result') return redactMessage(value, definition, part);
  return mapDict(value, (key, inner) => {
    if (key === 'Command' && isPlistDict(inner)) return redactMessage(inner, definition, part);
    return envelope.has(key) ? inner : redacted;
  });
}

/** `redact` for a check-in message, by the MessageType in it. */
export function redactCheckIn(value: PlistValue): PlistValue {
  if (!isPlistDict(value)) return redacted;
  const type = value['MessageType'];
  return redactMessage(
    value,
    typeof type === 'string' ? checkInDefinition(type) : undefined,
    'body',
  );
}

/** `redact` for what a check-in message is answered with (bootstrap tokens, GetToken's data). */
export function redactCheckInReply(value: PlistValue, messageType: string): PlistValue {
  if (!isPlistDict(value)) return redacted;
  return redactMessage(value, checkInDefinition(messageType), 'result');
}

function redactMessage(
  value: PlistDict,
  definition: MessageDefinition | undefined,
  part: Part,
): PlistDict {
  if (!definition) {
    return mapDict(value, (key, inner) => (envelope.has(key) ? inner : redacted));
  }
  const keys = keysOf(definition, part);
  const bearing = keys.some(holdsSecret);
  return mapDict(value, (key, inner) =>
    envelope.has(key) && !keys.some((known) => known.key === key)
      ? inner
      : redactNamed(key, inner, keys, bearing),
  );
}

function redactNamed(
  name: string,
  value: PlistValue,
  keys: readonly KeyDefinition[],
  bearing: boolean,
): PlistValue {
  const exact = keys.filter((known) => known.key === name);
  const definitions = exact.length > 0 ? exact : keys.filter(({ key }) => key.startsWith('ANY'));
  if (definitions.length > 0) return redactValue(value, definitions, bearing);
  if (isSecretName(name) && typeof value !== 'boolean') return redacted;
  return redactUnknown(value, bearing);
}

/** @param definitions  what the value may be; several when an array has several kinds of items */
function redactValue(
  value: PlistValue,
  definitions: readonly KeyDefinition[],
  bearing: boolean,
): PlistValue {
  if (definitions.some(({ secret }) => secret)) return redacted;
  const container = isPlistDict(value) ? 'dictionary' : Array.isArray(value) ? 'array' : null;
  const fitting = definitions.filter(({ type }) => type === container);
  if (fitting.length === 0 && definitions.some(holdsSecret)) return redacted;
  const keys = fitting.flatMap((definition) => definition.keys ?? []);
  if (isPlistDict(value)) {
    return mapDict(value, (key, inner) => redactNamed(key, inner, keys, bearing));
  }
  if (!Array.isArray(value)) return value;
  return value.map((item: PlistValue) =>
    keys.length > 0 ? redactValue(item, keys, bearing) : redactUnknown(item, bearing),
  );
}

/** Bytes of no known meaning count as secret where the type is known to carry secrets. */
function redactUnknown(value: PlistValue, bearing: boolean): PlistValue {
  if (isPlistDict(value)) {
    return mapDict(value, (key, inner) => redactNamed(key, inner, [], bearing));
  }
  if (Array.isArray(value)) return value.map((item: PlistValue) => redactUnknown(item, bearing));
  return bearing && value instanceof Uint8Array ? redacted : value;
}

function mapDict(dict: PlistDict, map: (key: string, value: PlistValue) => PlistValue): PlistDict {
  const copy: Record<string, PlistValue> = Object.create(null);
  for (const [key, value] of Object.entries(dict)) copy[key] = map(key, value);
  return copy;
}
