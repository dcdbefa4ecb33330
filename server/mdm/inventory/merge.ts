import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import type { SectionSpec } from './sections.ts';
import { itemId } from './items.ts';

/** What the command asked for, as far as it does not ask for everything. */
export interface Asked {
  /** Whether what is not in the answer may be there all the same. */
  readonly part: boolean;
  /** Ids that were asked for: those of them that are not in the answer are gone. */
  readonly ids: readonly string[];
}

export const askedForAll: Asked = { part: false, ids: [] };

/** What is known after an answer. */
export function merged(
  spec: SectionSpec,
  known: Json | undefined,
  answer: Json,
  asked: Asked,
): Json {
  if (known === undefined) return answer;
  switch (spec.kind) {
    case 'facts':
      return isJsonObject(known) && isJsonObject(answer) ? { ...known, ...answer } : answer;
    case 'whole':
      return answer;
    case 'list': {
      if (!asked.part || !Array.isArray(known) || !Array.isArray(answer)) return answer;
      const told = new Set([...answer.map((item: Json) => itemId(spec, item)), ...asked.ids]);
      const others = known.filter((item: Json) => !told.has(itemId(spec, item)));
      return [...others, ...answer];
    }
    case 'table': {
      if (!asked.part || !isJsonObject(known) || !isJsonObject(answer)) return answer;
      const gone = new Set(asked.ids);
      const others = Object.entries(known).filter(([id]) => !gone.has(id));
      return { ...Object.fromEntries(others), ...answer } satisfies JsonObject;
    }
  }
}

export function same(a: Json, b: Json): boolean {
  return isDeepStrictEqual(a, b);
}
