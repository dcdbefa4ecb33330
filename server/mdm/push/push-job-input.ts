import { z } from 'zod';
import type { Targets } from '../../model/targets.ts';
import type { PushSelection } from '../../store/push/selection.ts';

/** The kind under which pushes to many are jobs. */
export const pushJobKind = 'PUSH';

/** What a push job's row holds. */
export type PushJobInput = PushSelection;

/** Reads it back. */
export const pushJobInput = z.union([
  z.object({ commandKey: z.string() }),
  z.object({ refusedOnTopic: z.string() }),
  z.object({
    // Written by ourselves from checked targets, and read back as they were.
    targets: z.custom<Targets>((value) => typeof value === 'object' && value !== null),
    tenant: z.number().nullable(),
  }),
]);
