import { buildPlist } from '../plist/build.ts';
import { parsePlist } from '../plist/parse.ts';
import { isPlistDict, PlistError } from '../plist/value.ts';

const written = /(<key>CommandUUID<\/key>\s*<string>)[^<]*(<\/string>)/g;

/**
 * A command's property list under another CommandUUID. All else stays byte for byte where the name is
 * written as usual; otherwise the same values are written anew.
 * @param commandUuid letters, digits and `-`
 * @throws {PlistError} the bytes are no property list whose root is a dictionary
 */
export function renameCommand(bytes: Buffer, commandUuid: string): Buffer {
  const value = parsePlist(bytes);
  if (!isPlistDict(value)) throw new PlistError('wrong-type', 'The root is not a dictionary.');
  const wanted = buildPlist({ ...value, CommandUUID: commandUuid });
  // Every byte is a character, so that none is changed by the way.
  const text = bytes.toString('latin1');
  // The same words may stand inside a payload or a comment: what is right shows by reading it.
  for (const { index, 0: whole, 1: before = '', 2: after = '' } of text.matchAll(written)) {
    const renamed = Buffer.from(
      text.slice(0, index) + before + commandUuid + after + text.slice(index + whole.length),
      'latin1',
    );
    if (buildPlist(parsePlist(renamed)).equals(wanted)) return renamed;
  }
  return wanted;
}
