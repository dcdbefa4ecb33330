import { z } from 'zod';
import type { Targets } from '../../model/targets.ts';

/** The kind under which moves of many are jobs. */
export const moveJobKind = 'MOVE_ENROLLMENTS';

/** What such a job's row holds. */
export const moveJobInput = z.object({
  // Written by ourselves from checked targets, and read back as they were.
  targets: z.custom<Targets>((value) => typeof value === 'object' && value !== null),
  to: z.number(),
  /** How many devices a dry run found: more are never moved. Null: they were named. */
  expectedCount: z.number().nullable(),
  actor: z.string(),
});

export type MoveJobInput = z.output<typeof moveJobInput>;
