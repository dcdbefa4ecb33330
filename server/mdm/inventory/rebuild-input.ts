import { z } from 'zod';
import type { Targets } from '../../model/targets.ts';

/** The kind under which inventory is rebuilt. */
export const rebuildJobKind = 'REBUILD_INVENTORY';

/** What such a job's row holds. */
export const rebuildJobInput = z.object({
  // Written by ourselves from checked targets, and read back as they were.
  targets: z.custom<Targets>((value) => typeof value === 'object' && value !== null),
  tenant: z.number().nullable(),
});

export type RebuildJobInput = z.output<typeof rebuildJobInput>;
