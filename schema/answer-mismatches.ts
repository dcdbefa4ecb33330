import type { KeyDefinition } from '../server/catalogue/definition.ts';
import { dictOf } from './answer-types.ts';

/** Mismatches that are told at most: a list of a thousand odd items needs no thousand lines. */
const most = 50;

/**
 * Where a value is not of the type that Apple's schema says, such as `QueryResponses.BatteryLevel: string
 * instead of real`. What stands there reads as null, and is in `raw` and `decoded`.
 */
export function mismatchesOf(value: unknown, keys: readonly KeyDefinition[]): string[] {
  const found: string[] = [];
  dictMismatches(value, keys, '', found);
  return found;
}

function dictMismatches(
  value: unknown,
  keys: readonly KeyDefinition[],
  above: string,
  found: string[],
): void {
  const dict = dictOf(value);
  if (dict === null) return;
  for (const key of keys) {
    const inner = dict[key.key];
    if (inner !== undefined)
      check(inner, key, above === '' ? key.key : `${above}.${key.key}`, found);
  }
}

function check(value: unknown, key: KeyDefinition, path: string, found: string[]): void {
  if (found.length >= most || value === '<redacted>') return;
  const type = typeOf(value);
  const fits =
    key.type === 'any' || type === key.type || (key.type === 'real' && type === 'integer');
  if (!fits) {
    found.push(`${path}: ${type} instead of ${key.type}`);
    return;
  }
  if (key.type === 'dictionary') dictMismatches(value, key.keys ?? [], path, found);
  const [item, second] = key.keys ?? [];
  if (key.type !== 'array' || item === undefined || second !== undefined) return;
  if (!Array.isArray(value)) return;
  value.forEach((one, index) => check(one, item, `${path}[${index}]`, found));
}

function typeOf(value: unknown): KeyDefinition['type'] {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'real';
  if (value instanceof Date) return 'date';
  if (value instanceof Uint8Array) return 'data';
  return Array.isArray(value) ? 'array' : 'dictionary';
}
