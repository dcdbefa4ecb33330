import type { PoolClient } from 'pg';
import type { EventType, NumberedEvent } from '../../model/events.ts';

/**
 * Stores what was derived, in the transaction that also moves the position. It may be run again if
 * PostgreSQL breaks that off: no effects but in the database.
 * @returns how many events it appended
 */
export type Write = (client: PoolClient) => Promise<number>;

/**
 * Something that is derived from numbered events. Each event counts exactly once: what `derive` gives
 * back is stored in one transaction with the position behind the events, and only while nobody else
 * has moved that.
 *
 * Events of one lane come in the order of the stream, and by one process at a time. An event whose
 * derivation fails is tried again some times while its lane waits (other lanes do not), and is then
 * passed over, which is logged, counted and kept in `projection_failure`. Where it is the database that
 * fails (it is away, takes too long, has no room), the event is tried for as long as that lasts.
 */
export interface Projection {
  /** Never changed: its positions are stored under it. A new one begins at the oldest event kept. */
  readonly name: string;
  /** The kinds of event that it wants. */
  readonly types: readonly EventType[];
  /**
   * What tells lanes apart: events of one enrolment, or of one command, never meet in two lanes. Events
   * without it go by the other one. @default 'enrollment'
   */
  readonly lanesBy?: 'enrollment' | 'command';
  /** How many events are taken at once, at most. @default 500 */
  readonly pageSize?: number;
  /**
   * Does everything that is slow (reads, decoding), outside of any transaction. For events that were
   * stored meanwhile by somebody else the result is thrown away, so it must have no effects.
   * @param events of one or more lanes, in the order of the stream; at least one
   */
  derive(events: readonly NumberedEvent[]): Promise<Write>;
}
