import type { SectionRow } from '../../store/inventory/sections.ts';
import { changesOf, mostChanges } from './changes.ts';
import { eventData } from './event-data.ts';
import type { Json } from './json.ts';
import { same } from './merge.ts';
import { sections } from './sections.ts';
import type { Settled } from './settle.ts';

/** What is to be stored in the place of what was. */
export interface Replaced extends Omit<Settled, 'facts'> {
  /** Sections to be deleted first: nothing is known of them, or something else. */
  readonly gone: string[];
}

/**
 * Compares an enrolment's sections with what they were derived to be. Only what is different is written,
 * becomes history and makes an event.
 * @param after  by section
 * @param now    the time of the events
 */
export function replaced(
  before: readonly SectionRow[],
  after: ReadonlyMap<string, SectionRow>,
  now: Date,
): Replaced {
  const result: Replaced = { gone: [], written: [], touched: [], changes: [], events: [] };
  const known = new Map(before.map((row) => [row.section, row]));
  for (const section of new Set([...known.keys(), ...after.keys()])) {
    const spec = sections[section];
    const was = known.get(section);
    const is = after.get(section);
    const told = is ?? was;
    if (spec === undefined || told === undefined) continue;
    // They were JSON when they were stored.
    const content = is === undefined ? null : (is.content as Json);
    const previous = was === undefined ? null : (was.content as Json);
    if (was !== undefined && is !== undefined && same(previous, content)) {
      if (!sameAnswer(was, is)) result.touched.push(is);
      continue;
    }
    if (was !== undefined) result.gone.push(section);
    if (is !== undefined) result.written.push(is);
    const empty = spec.kind === 'list' ? [] : {};
    const found = was === undefined ? [] : changesOf(spec, previous ?? empty, content ?? empty);
    const { enrollmentKey, answeredAt: at, commandKey } = told;
    for (const change of found.slice(0, mostChanges)) {
      result.changes.push({ enrollmentKey, section, at, commandKey, ...change });
    }
    if (was !== undefined && found.length === 0) continue;
    const data = eventData(section, was === undefined, found);
    result.events.push({ enrollmentKey, commandKey, at: now, traceId: null, data });
  }
  return result;
}

function sameAnswer(a: SectionRow, b: SectionRow): boolean {
  return a.commandKey === b.commandKey && a.answeredAt.getTime() === b.answeredAt.getTime();
}
