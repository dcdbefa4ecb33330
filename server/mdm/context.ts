import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Keyring } from '../secrets/keyring.ts';
import type { HotPath } from '../store/hot/hot-path.ts';
import type { HandOver } from './inventory/hand-over.ts';
import type { LastSeen } from './last-seen.ts';
import type { FirstSent } from './queue/first-sent.ts';

/** What the use cases work with; put together in `main.ts`. */
export interface MdmContext {
  /** Device messages only: small, with a short time-out. */
  readonly hot: Pool;
  /** Polls and reports, on the same pool. */
  readonly hotPath: HotPath;
  /** Everything that integrators and jobs ask for. */
  readonly graph: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly lastSeen: LastSeen;
  /** Told of each poll with nothing to report. Never waits, never fails. */
  readonly polls: Pick<LastSeen, 'heard'>;
  readonly firstSent: FirstSent;
  /** Long answers on their way to inventory. */
  readonly handOver: HandOver;
  /** Whether a migrated device without a certificate is bound to the first one that it shows. */
  readonly retro: boolean;
  /** To be called after each commit that appended events. Cheap, never fails. */
  readonly committed: () => void;
  /** To be called after each commit that made a job or asked for pushes. Cheap, never fails. */
  readonly kickJobs: () => void;
  /** The event stream's position now; what commits later comes after it. */
  readonly currentCursor: () => Promise<string>;
}
