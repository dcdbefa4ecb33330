import type { NumberedEvent } from '../model/events.ts';
import type { PatientIterator } from '../model/patient-iterator.ts';

/** Events that were read together and that somebody wants: what is selected about them is loaded for all at once. */
export interface EventPage {
  readonly events: readonly NumberedEvent[];
}

/** An event on its way to subscribers; one object for all of them. */
export interface EventItem {
  readonly kind: 'event';
  readonly event: NumberedEvent;
  /** Everything up to and with this event has been seen. */
  readonly cursor: string;
  readonly page: EventPage;
}

/** Everything up to `cursor` has been looked at, and the last of it was not wanted. */
export interface CheckpointItem {
  readonly kind: 'checkpoint';
  readonly cursor: string;
}

/** What a subscription yields. */
export type LiveItem = EventItem | CheckpointItem;

/** Items one after the other, asked for one at a time. `return()` ends them at once, also while `next()` waits. */
export interface LiveItems extends PatientIterator<LiveItem> {
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** A page that nothing has been loaded for yet. */
export function eventPage(events: readonly NumberedEvent[]): EventPage {
  return { events };
}
