import { z } from 'zod';
import type { Targets } from '../../model/targets.ts';

/** Targets in a job's row: written by ourselves from checked ones, and read back as they were. */
export const jobTargets = z.custom<Targets>((value) => typeof value === 'object' && value !== null);

/** What the row of a job over enrolments holds. */
export const targetsJobInput = z.object({ targets: jobTargets, tenant: z.number().nullable() });
