import { z } from 'zod';
import type { EnrollmentFilter, Targets } from '../../model/targets.ts';

const texts = z.array(z.string());
const channels = z.enum(['DEVICE', 'USER', 'ALL']);

/** Every member: one that is not known here must never be passed over, for then it would hold for all. */
const members = {
  and: z.array(z.lazy(() => filter)),
  or: z.array(z.lazy(() => filter)),
  not: z.lazy(() => filter),
  ids: texts,
  kinds: texts,
  enabled: z.boolean(),
  serialNumbers: texts,
  topics: texts,
  awaitingConfiguration: z.boolean(),
  tags: z.strictObject({ any: texts, all: texts, none: texts }).partial(),
  search: z.string(),
  inside: z.literal(true),
  models: texts,
  osVersion: z.strictObject({ atLeast: z.string(), below: z.string() }).partial(),
  lastSeenBefore: z.string(),
  lastSeenAfter: z.string(),
  enrolledBefore: z.string(),
  enrolledAfter: z.string(),
  certificateExpiresBefore: z.string(),
  pendingCommands: texts,
  pushStates: texts,
} satisfies Record<keyof EnrollmentFilter, z.ZodType>;

const filter: z.ZodType = z.strictObject(members).partial();

const known = z.union([
  z.strictObject({ ids: texts }),
  z.strictObject({
    filter,
    channels,
    failedOf: z.strictObject({ commandKey: z.string(), states: texts }).optional(),
  }),
  z.strictObject({ all: z.literal(true), channels }),
]);

/**
 * Targets in a job's row: written from checked ones, and read back as they were. Those that another version
 * has written may say what this one does not know; they are none.
 */
export const jobTargets = z.custom<Targets>((value) => known.safeParse(value).success);

/** What the row of a job over enrolments holds. */
export const targetsJobInput = z.object({ targets: jobTargets, tenant: z.number().nullable() });
