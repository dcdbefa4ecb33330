import { createHash } from 'node:crypto';
import { isJsonObject, type Json } from './json.ts';
import type { SectionSpec } from './sections.ts';

/** What tells an item of a list apart; one that has none of the keys is known by all of it. */
export function itemId(spec: SectionSpec, item: Json): string {
  const value = firstOf(item, spec.id);
  if (typeof value === 'string' && value !== '') return value;
  return createHash('sha256')
    .update(JSON.stringify(value ?? item))
    .digest('hex')
    .slice(0, 16);
}

/** What is worth knowing of an item's state. */
export function itemShows(spec: SectionSpec, item: Json): Json {
  return firstOf(item, spec.shows) ?? true;
}

function firstOf(item: Json, keys: readonly string[] | undefined): Json | undefined {
  if (!isJsonObject(item)) return undefined;
  return keys?.map((key) => item[key]).find((value) => value !== undefined);
}
