import { parsePlist } from '../../protocol/plist/parse.ts';
import { isPlistDict } from '../../protocol/plist/value.ts';
import { type Asked, askedForAll } from './merge.ts';
import { sections } from './sections.ts';

/** Types whose commands can ask for a part of the list. */
export const partialTypes: readonly string[] = Object.entries(sections)
  .filter(([, { kind }]) => kind === 'list' || kind === 'table')
  .map(([type]) => type);

/** Which part of a list a command asks for. */
export function askedBy(requestType: string, body: Buffer): Asked {
  const command = commandIn(body);
  if (!isPlistDict(command)) return askedForAll;
  const identifiers = command['Identifiers'];
  const ids = Array.isArray(identifiers)
    ? identifiers.filter((id): id is string => typeof id === 'string')
    : [];
  const flags = sections[requestType]?.partIf ?? [];
  return { part: ids.length > 0 || flags.some((flag) => command[flag] === true), ids };
}

function commandIn(body: Buffer) {
  try {
    const value = parsePlist(body, { allowTrailing: true, depth: 64, values: 100_000 });
    return isPlistDict(value) ? value['Command'] : undefined;
  } catch {
    return undefined;
  }
}
