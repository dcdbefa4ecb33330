import { readPlist } from './parse.ts';
import { scanPlain } from './plain-scan.ts';
import type { PlistDict, PlistLimits } from './value.ts';
import { boundsOf, isPlistDict, PlistError, plistTypeOf } from './value.ts';

/** What the value of a wanted key must be. Of a container only the type is looked at. */
export type WantedType = 'string' | 'array' | 'dictionary';

/** The wanted keys' strings; a key that is absent, or no string by request, is missing. */
export type Scanned<Wanted extends Readonly<Record<string, WantedType>>> = {
  readonly [Key in keyof Wanted as Wanted[Key] extends 'string' ? Key : never]?: string;
};

/** A prepared look for few keys at the top of a property list. */
export type TopLevelScan<Wanted extends Readonly<Record<string, WantedType>>> = (
  bytes: Buffer,
) => Scanned<Wanted>;

/**
 * Prepares the hot path's reader: it checks a message as `parsePlist` does, but keeps only the strings
 * of few top-level keys and builds nothing else.
 * @throws {PlistError} from the returned function: as `parsePlist`, and `wrong-type` if the root is no
 *   dictionary or a wanted key's value is of another type
 */
export function topLevelScan<const Wanted extends Readonly<Record<string, WantedType>>>(
  wanted: Wanted,
  limits: PlistLimits = {},
): TopLevelScan<Wanted> {
  const keys = Object.keys(wanted);
  const types = Object.entries(wanted);
  const keySet: ReadonlySet<string> = new Set(keys);
  const bounds = boundsOf(limits);
  return (bytes) => {
    const root = scanPlain(bytes, bounds, keySet) ?? readPlist(bytes, bounds, keySet);
    if (!isPlistDict(root)) throw new PlistError('wrong-type', 'The root is not a dictionary.');
    return pick<Wanted>(root, types);
  };
}

function pick<Wanted extends Readonly<Record<string, WantedType>>>(
  root: PlistDict,
  types: readonly (readonly [string, WantedType])[],
): Scanned<Wanted> {
  const found: Record<string, string> = {};
  for (const [key, type] of types) {
    const value = root[key];
    if (value === undefined) continue;
    if (plistTypeOf(value) !== type) {
      throw new PlistError('wrong-type', `${key} is not of type ${type}.`);
    }
    if (typeof value === 'string') found[key] = value;
  }
  return found;
}
