import { responseKeys } from '../../server/catalogue/commands.ts';
import type { KeyDefinition, Platform } from '../../server/catalogue/definition.ts';
import { supportOn } from '../../server/catalogue/support.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';

/** Below this depth dictionaries stay empty. */
const deepest = 4;

/**
 * An answer of the shape that Apple's schema gives for a command: every key that the platform knows,
 * each with a value of its type, lists empty. The same every time.
 */
export function plausibleResponse(requestType: string, platform: Platform): PlistDict {
  return plausibleDict(responseKeys(requestType), platform, 0);
}

/** A value of a key's type, from its own values where it has some. */
export function plausibleValue(key: KeyDefinition, platform: Platform, depth = 0): PlistValue {
  const [first] = key.values ?? [];
  if (first !== undefined) return first;
  switch (key.type) {
    case 'boolean':
      return false;
    case 'integer':
      return key.min ?? 1;
    case 'real':
      return (key.min ?? 0) + 0.5;
    case 'data':
      return Buffer.from(`simulated ${key.key}`);
    case 'date':
      return new Date('2026-01-01T08:00:00Z');
    case 'array':
      return [];
    case 'dictionary':
      return plausibleDict(key.keys ?? [], platform, depth + 1);
    case 'any':
    case 'string':
      break;
  }
  return `simulated ${key.key}`;
}

function plausibleDict(
  keys: readonly KeyDefinition[],
  platform: Platform,
  depth: number,
): PlistDict {
  if (depth > deepest) return {};
  return Object.fromEntries(
    keys
      .filter((key) => !key.key.startsWith('ANY') && knows(platform, key))
      .map((key) => [key.key, plausibleValue(key, platform, depth)]),
  );
}

/** Keys say nothing of a platform when they are as their command is. */
function knows(platform: Platform, key: KeyDefinition): boolean {
  return key.os?.[platform] === undefined || supportOn(platform, key.os) !== null;
}
