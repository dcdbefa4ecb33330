import type { DeviceFacts } from '../../store/inventory/facts.ts';
import type { ChangeRow, InventoryEvent } from '../../store/inventory/history.ts';
import type { SectionRow } from '../../store/inventory/sections.ts';
import { type Change, changesOf, mostChanges } from './changes.ts';
import { eventData } from './event-data.ts';
import { factsIn } from './facts.ts';
import type { Json } from './json.ts';
import { type Asked, merged, same } from './merge.ts';
import { sections } from './sections.ts';

/** What an enrolment has told. */
export interface Told {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
  readonly ofDevice: boolean;
  readonly section: string;
  readonly content: Json;
  /** When it answered. */
  readonly at: Date;
  readonly traceId: string | null;
  readonly asked: Asked;
}

/** What is to be stored. */
export interface Settled {
  readonly written: SectionRow[];
  readonly touched: SectionRow[];
  readonly changes: ChangeRow[];
  readonly events: InventoryEvent[];
  readonly facts: DeviceFacts[];
}

interface Current {
  readonly content: Json;
  readonly row: SectionRow;
  readonly written: boolean;
  readonly touched: boolean;
}

/**
 * Works out what answers change. What was told before something newer never overwrites it, and what was
 * stored already (a replay) counts no second time.
 * @param told  in the order of the stream
 */
export function settle(known: readonly SectionRow[], told: readonly Told[]): Settled {
  const current = new Map<string, Current>();
  for (const row of known) {
    // It was JSON when it was stored.
    const content = row.content as Json;
    current.set(keyOf(row), { content, row, written: false, touched: false });
  }
  const changes: ChangeRow[] = [];
  const events: InventoryEvent[] = [];
  const facts = new Map<bigint, DeviceFacts>();

  for (const one of told) {
    const spec = sections[one.section];
    const before = current.get(keyOf(one));
    if (spec === undefined || (before && !isNewer(one, before.row))) continue;
    const content = merged(spec, before?.content, one.content, one.asked);
    const unchanged = before !== undefined && same(before.content, content);
    const { enrollmentKey, section, at, commandKey } = one;
    current.set(keyOf(one), {
      content,
      row: { enrollmentKey, section, content, answeredAt: at, commandKey },
      written: before?.written === true || !unchanged,
      touched: true,
    });
    if (one.ofDevice) facts.set(enrollmentKey, together(facts.get(enrollmentKey), one, content));
    if (unchanged) continue;
    const found = before === undefined ? [] : changesOf(spec, before.content, content);
    changes.push(...found.slice(0, mostChanges).map((change) => rowOf(one, change)));
    // What only restless fields tell is not worth an event.
    if (before !== undefined && found.length === 0) continue;
    const data = eventData(section, before === undefined, found);
    events.push({ enrollmentKey, commandKey, at, traceId: one.traceId, data });
  }

  const all = [...current.values()].filter(({ touched }) => touched);
  return {
    written: all.filter(({ written }) => written).map(({ row }) => row),
    touched: all.filter(({ written }) => !written).map(({ row }) => row),
    changes,
    events,
    facts: [...facts.values()],
  };
}

function keyOf(of: { readonly enrollmentKey: bigint; readonly section: string }): string {
  return `${of.enrollmentKey} ${of.section}`;
}

function isNewer(one: Told, row: SectionRow): boolean {
  const [at, known] = [one.at.getTime(), row.answeredAt.getTime()];
  return at > known || (at === known && one.commandKey > row.commandKey);
}

function rowOf({ enrollmentKey, section, at, commandKey }: Told, change: Change) {
  return { enrollmentKey, section, at, commandKey, ...change };
}

function together(known: DeviceFacts | undefined, one: Told, content: Json): DeviceFacts {
  const { enrollmentKey, at } = one;
  const latest = known !== undefined && known.at > at ? known.at : at;
  return { ...known, enrollmentKey, ...factsIn(one.section, content), at: latest };
}
