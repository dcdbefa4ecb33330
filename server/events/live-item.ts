import type { NumberedEvent } from '../model/events.ts';

/**
 * Events that were read together and that somebody wants. What subscribers select about them is
 * loaded once for the page and kept in `memo`, under a key that the loader chooses.
 */
export interface EventPage {
  readonly events: readonly NumberedEvent[];
  readonly memo: Map<string, unknown>;
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

/** A page that nothing has been loaded for yet. */
export function eventPage(events: readonly NumberedEvent[]): EventPage {
  return { events, memo: new Map() };
}
