import type { Targets } from '../../model/targets.ts';

/** Which of a command's targets. */
interface OfCommand {
  readonly commandUuid: string;
  /** Null: all of them. */
  readonly targets: Targets | null;
}

interface Bulk {
  /** Only say how many and which. */
  readonly validateOnly: boolean;
  /** How many a dry run found: if there are more now, nothing is done. */
  readonly expectedCount: number | null;
  readonly idempotencyKey: string | null;
}

export interface CancelCommandInput extends OfCommand, Bulk {}

export interface SetCommandPriorityInput extends OfCommand, Bulk {
  /** Higher goes first; from -1000 to 1000. */
  readonly priority: number;
}

export interface ClearQueueInput extends Bulk {
  readonly targets: Targets;
}

/** An id for which nothing was cancelled, and why. */
export interface NotCancelled {
  readonly id: string;
  readonly code: 'ALREADY_CANCELLED' | 'ALREADY_FINISHED' | 'NOT_A_TARGET' | 'UNKNOWN_ENROLLMENT';
  readonly message: string;
}

/** What was done to entries of queues, or with `validateOnly` what would be. */
export interface QueueWorkAnswer {
  /** How many entries; with a job, how many it has before it. */
  readonly count: number;
  /** The first enrolment ids, at most 100, in order. */
  readonly sample: readonly string[];
  /** The job that does it, when they are many. */
  readonly jobId: string | null;
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

export interface CommandWorkAnswer extends QueueWorkAnswer {
  readonly commandUuid: string;
}

export interface CancelCommandAnswer extends CommandWorkAnswer {
  /** The first 1,000 of the ids asked for that nothing was cancelled for. */
  readonly refused: readonly NotCancelled[];
}
