import type { Pool } from 'pg';
import { isUnavailable } from '../unavailable.ts';
import { type IdleAnswer, type Poll, idle, idleTogether } from './idle.ts';
import { naturalBatch } from './natural-batch.ts';
import { notNow } from './not-now.ts';
import { type ReportAnswer, type ReportInput, report, reportTogether } from './report.ts';

/** Bytes of a result from which a report goes alone: it would only hold up its neighbours. */
const largeResult = 64 * 1024;

/** What devices ask most: one statement each, or one for many that ask at the same moment. */
export interface HotPath {
  /** See `idle`. */
  idle(poll: Poll): Promise<IdleAnswer | null>;
  /** See `report`. */
  report(input: ReportInput): Promise<ReportAnswer | null>;
  /** See `notNow`. */
  notNow(input: ReportInput): Promise<ReportAnswer | null>;
}

/** Opens the hot path on the devices' pool. */
export function openHotPath(pool: Pool): HotPath {
  return {
    idle: naturalBatch({
      together: (polls) => idleTogether(pool, polls),
      alone: (poll) => idle(pool, poll),
      keyOf: ({ enrollmentId }) => enrollmentId,
      isShared: isUnavailable,
    }),
    report: naturalBatch({
      together: (inputs) => reportTogether(pool, inputs),
      alone: (input) => report(pool, input),
      keyOf: ({ enrollmentId }) => enrollmentId,
      isLarge: ({ result }) => result.length > largeResult,
      isShared: isUnavailable,
    }),
    notNow: (input) => notNow(pool, input),
  };
}
