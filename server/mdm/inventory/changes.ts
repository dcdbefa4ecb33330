import { itemId, itemShows } from './items.ts';
import { isJsonObject, type Json } from './json.ts';
import { same } from './merge.ts';
import type { SectionSpec } from './sections.ts';

/** Something that is different from what was known. */
export interface Change {
  /** Its path in the section, such as `OSVersion` or `FirewallSettings.StealthMode`; in a list, the item's id. */
  readonly field: string;
  /** What was known; null: nothing. A value that is too long to keep is `{"$omitted": <characters>}`. */
  readonly previous: Json;
  readonly current: Json;
}

const longestField = 300;
const longestValue = 2_000;
/** Changes that one answer adds to the history at most. */
export const mostChanges = 500;

/** What an answer changes, in the order of names. */
export function changesOf(spec: SectionSpec, known: Json, now: Json): Change[] {
  const before = flat(spec, known);
  const after = flat(spec, now);
  const fields = [...new Set([...before.keys(), ...after.keys()])].sort();
  return fields.flatMap((field) => {
    if (spec.restless?.some((one) => field === one || field.startsWith(`${one}.`))) return [];
    const previous = before.get(field) ?? null;
    const current = after.get(field) ?? null;
    if (same(previous, current)) return [];
    return {
      field: field.slice(0, longestField),
      previous: bounded(previous),
      current: bounded(current),
    };
  });
}

function flat(spec: SectionSpec, content: Json): ReadonlyMap<string, Json> {
  if (spec.kind === 'list') {
    const items = Array.isArray(content) ? content : [];
    return new Map(items.map((item: Json) => [itemId(spec, item), itemShows(spec, item)]));
  }
  if (spec.kind === 'table') {
    const items = isJsonObject(content) ? Object.entries(content) : [];
    return new Map(items.map(([id, item]) => [id, itemShows(spec, item)]));
  }
  const found = new Map<string, Json>();
  walk(content, '', found);
  return found;
}

function walk(value: Json, path: string, found: Map<string, Json>): void {
  if (!isJsonObject(value) || isTyped(value)) {
    found.set(path, value);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    walk(inner, path === '' ? key : `${path}.${key}`, found);
  }
}

/** Data, dates and reals are objects in PlistJSON. */
function isTyped(value: Readonly<Record<string, Json>>): boolean {
  const [key, second] = Object.keys(value);
  return second === undefined && key !== undefined && /^\$[^$]/.test(key);
}

function bounded(value: Json): Json {
  const text = JSON.stringify(value);
  return text.length > longestValue ? { $omitted: text.length } : value;
}
