import type { DeviceFacts } from '../../store/inventory/facts.ts';
import type { ChangeRow, InventoryEvent } from '../../store/inventory/history.ts';
import type { SectionOrigin, SectionRow } from '../../store/inventory/sections.ts';
import { type Change, changesOf, mostChanges } from './changes.ts';
import { eventData } from './event-data.ts';
import { factsIn } from './facts.ts';
import type { Json } from './json.ts';
import { type Asked, merged, same } from './merge.ts';
import { isNewer } from './newer.ts';
import { sameAnswer } from './repeats.ts';
import { sections } from './sections.ts';

/** An enrolment's answer. */
export interface Answered extends SectionOrigin {
  readonly ofDevice: boolean;
  readonly traceId: string | null;
  readonly asked: Asked;
}

/** What an enrolment has told. */
export interface Told extends Answered {
  readonly repeats: false;
  readonly content: Json;
}

/** An answer that says what the section's last one said, so that it was not decoded. */
export interface Repeated extends Answered {
  readonly repeats: true;
}

/** What was to be repeated is not known any more: it was derived anew meanwhile. To be told once more. */
export class NotRepeated extends Error {
  override readonly name = 'NotRepeated';
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
 * @throws {NotRepeated}
 */
export function settle(known: readonly SectionRow[], told: readonly (Told | Repeated)[]): Settled {
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
    const { enrollmentKey, section, answeredAt, commandKey, fingerprint } = one;
    const row = { enrollmentKey, section, answeredAt, commandKey, fingerprint };
    if (one.repeats) {
      if (before === undefined || !sameAnswer(one, before.row)) {
        throw new NotRepeated(`An answer of ${section} does not repeat what is known.`);
      }
      const { content } = before;
      current.set(keyOf(one), { ...before, row: { ...row, content }, touched: true });
      if (one.ofDevice) facts.set(enrollmentKey, together(facts.get(enrollmentKey), one, {}));
      continue;
    }
    const content = merged(spec, before?.content, one.content, one.asked);
    const unchanged = before !== undefined && same(before.content, content);
    current.set(keyOf(one), {
      content,
      row: { ...row, content },
      written: before?.written === true || !unchanged,
      touched: true,
    });
    if (one.ofDevice) {
      const said = factsIn(section, content);
      facts.set(enrollmentKey, together(facts.get(enrollmentKey), one, said));
    }
    if (unchanged) continue;
    const found = before === undefined ? [] : changesOf(spec, before.content, content);
    changes.push(...found.slice(0, mostChanges).map((change) => rowOf(one, change)));
    // What only restless fields tell is not worth an event.
    if (before !== undefined && found.length === 0) continue;
    const data = eventData(section, before === undefined, found);
    const { traceId } = one;
    events.push({ enrollmentKey, commandKey, at: answeredAt, traceId, data });
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

function rowOf({ enrollmentKey, section, answeredAt: at, commandKey }: Told, change: Change) {
  return { enrollmentKey, section, at, commandKey, ...change };
}

/** @param said  nothing for a repeat: the columns of the section are as it has told them */
function together(
  known: DeviceFacts | undefined,
  { enrollmentKey, answeredAt: at }: Answered,
  said: Partial<DeviceFacts>,
): DeviceFacts {
  const latest = known !== undefined && known.at > at ? known.at : at;
  return { ...known, enrollmentKey, ...said, at: latest };
}
