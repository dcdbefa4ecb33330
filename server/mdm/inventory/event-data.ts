import type { EventData } from '../../model/events.ts';
import type { Change } from './changes.ts';

/** Of the 1 KB that an event may have, what the changes may take, in bytes of the event's own JSON. */
const room = 880;

/**
 * What an event says about an answer: as many of its changes as fit, as the text of JSON (triples of
 * field, previous and current value), and how many there are in all.
 */
export function eventData(section: string, first: boolean, changes: readonly Change[]): EventData {
  const told: unknown[] = [];
  for (const { field, previous, current } of changes) {
    const next = [...told, [field, previous, current]];
    // Text within JSON: every quote in it takes two bytes more.
    if (Buffer.byteLength(JSON.stringify(JSON.stringify(next))) > room) continue;
    told.push([field, previous, current]);
  }
  return {
    section,
    first,
    changeCount: changes.length,
    changes: JSON.stringify(told),
  };
}
