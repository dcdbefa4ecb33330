import { z } from 'zod';
import { targetsJobInput } from '../jobs/job-targets.ts';
import type { PushSelection } from '../../store/push/selection.ts';

/** The kind under which pushes to many are jobs. */
export const pushJobKind = 'PUSH';

/** What a push job's row holds. */
export type PushJobInput = PushSelection;

/** Reads it back. */
export const pushJobInput = z.union([
  z.object({ commandKey: z.string() }),
  z.object({ refusedOnTopic: z.string() }),
  targetsJobInput,
]);
