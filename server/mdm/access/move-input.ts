import { z } from 'zod';
import { jobTargets } from '../jobs/job-targets.ts';

/** The kind under which moves of many are jobs. */
export const moveJobKind = 'MOVE_ENROLLMENTS';

/** What such a job's row holds. */
export const moveJobInput = z.object({
  targets: jobTargets,
  to: z.number(),
  /** How many devices a dry run found: more are never moved. Null: they were named. */
  expectedCount: z.number().nullable(),
  actor: z.string(),
});

export type MoveJobInput = z.output<typeof moveJobInput>;
