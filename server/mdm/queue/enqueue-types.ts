import { ValidationError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';

/** What a caller asks for: one command to many enrolments. */
export interface EnqueueInput {
  readonly targets: Targets;
  /** The command's XML property list, delivered byte for byte. */
  readonly plist: Buffer;
  /** Only say how many and which; queue nothing. */
  readonly validateOnly: boolean;
  /** Demanded for destructive commands to a filter or to all: how many a dry run found. */
  readonly expectedCount: number | null;
  readonly idempotencyKey: string | null;
  readonly timing: CommandTiming;
  /** Push to the targets once it is queued. */
  readonly push: boolean;
  /**
   * Queue it also where a command of its type waits already, though it wipes, locks or shuts out. False:
   * such targets are refused with ALREADY_PENDING.
   */
  readonly force: boolean;
  /** Whether the answer's sample is asked for, which is empty otherwise. */
  readonly sampled: boolean;
}

/** When a command's turn comes, and when it is over. */
export interface CommandTiming {
  /** Higher goes first; 0 is ordinary. From -1000 to 1000. */
  readonly priority: number;
  /** Not delivered before; null: at once. */
  readonly notBefore: Date | null;
  /** Not delivered after, and ended then as expired; null: never. */
  readonly expiresAt: Date | null;
}

/** An ordinary command: in its turn, at once, for ever. */
export const ordinaryTiming: CommandTiming = { priority: 0, notBefore: null, expiresAt: null };

/** Why a command is not queued for a target. */
export const refusalCodes = ['UNKNOWN_ENROLLMENT', 'NOT_ENABLED', 'ALREADY_PENDING'] as const;

/** A target that the command was not queued for, and why. */
export interface RefusedTarget {
  readonly id: string;
  readonly code: (typeof refusalCodes)[number];
  readonly message: string;
}

/** What was done, or with `validateOnly` what would be. */
export interface EnqueueAnswer {
  readonly commandUuid: string;
  readonly requestType: string;
  /** Enrolments that the command was (would be) queued for. */
  readonly queuedCount: number;
  /** Of those with ALREADY_PENDING the first 100; all are among the command's targets. */
  readonly refused: readonly RefusedTarget[];
  readonly refusedCount: number;
  /** The first enrolment ids among those queued, at most 100, in order; maybe none if nobody asks. */
  readonly sample: readonly string[];
  /** The event stream's position from before the work: subscribing after it misses nothing. */
  readonly cursor: string;
  /** True when an earlier, equal request had already done it. */
  readonly replayed: boolean;
  readonly validateOnly: boolean;
  /** The job that pushes to the targets; null when nothing is pushed. */
  readonly pushJobId: string | null;
}

/** @throws {ValidationError} it is none */
export function checkPriority(priority: number): void {
  if (Number.isInteger(priority) && Math.abs(priority) <= 1_000) return;
  throw new ValidationError('BAD_PRIORITY', 'priority is a whole number from -1000 to 1000.', [
    'input',
    'priority',
  ]);
}
