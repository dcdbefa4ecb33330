import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { NotFoundError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { TenantId, Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { refusedIds } from '../../store/queue/judge-targets.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { asGiven } from '../queue/targets-as-given.ts';

/** Asks for a job over enrolments. */
export interface TargetsJobInput {
  readonly targets: Targets;
  /** Only say how many and which. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

/** The job, and whom it is about. */
export interface TargetsJobAnswer {
  readonly jobId: string | null;
  readonly targetCount: number;
  /** Of ids, those that it is not about: unknown, or for some jobs not enabled. */
  readonly refused: readonly {
    readonly id: string;
    readonly code: 'UNKNOWN_ENROLLMENT' | 'NOT_ENABLED';
    readonly message: string;
  }[];
  /** The first enrolment ids, at most 100, in order. */
  readonly sample: readonly string[];
  /** Of a repeat, too, the position before the first: all that came of it lies behind. */
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

const stored = z.object({
  jobId: z.string().nullable(),
  targetCount: z.number(),
  refused: z
    .array(
      z.object({
        id: z.string(),
        code: z.enum(['UNKNOWN_ENROLLMENT', 'NOT_ENABLED']),
        message: z.string(),
      }),
    )
    .default([]),
  sample: z.array(z.string()).default([]),
  cursor: z.string(),
});

/** What tells one such job from another. */
export interface TargetsJob {
  readonly mutation: string;
  /** Under which it runs, with `{ targets, tenant }` as its input. */
  readonly kind: string;
  /** Whether it passes over enrolments that are not enabled. */
  readonly enabledOnly: boolean;
  /** Whom it is about now. */
  count(
    client: PoolClient,
    targets: Targets,
    tenant: TenantId | null,
  ): Promise<{ readonly count: number; readonly sample: readonly string[] }>;
}

/**
 * Makes a job over enrolments, once for each idempotency key; with `validateOnly` only counts them.
 * @throws {NotFoundError} none of the ids exists for this viewer
 */
export async function askForTargetsJob(
  ctx: MdmContext,
  viewer: Viewer,
  { targets, validateOnly, idempotencyKey }: TargetsJobInput,
  { mutation, kind, enabledOnly, count }: TargetsJob,
): Promise<TargetsJobAnswer> {
  const cursor = await ctx.currentCursor();
  const { tenant } = viewer;
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation,
        key: validateOnly ? null : idempotencyKey,
        input: { targets: asGiven(targets) },
      },
      async () => {
        const { count: targetCount, sample } = await count(client, targets, tenant);
        const unfit = 'ids' in targets ? await refusedIds(client, targets.ids, tenant) : [];
        const refused = unfit.filter(({ known }) => enabledOnly || !known);
        if (targetCount === 0) demandOneKnown(refused);
        const jobId = validateOnly ? null : randomUUID();
        if (jobId !== null) {
          await insertJob(client, {
            id: jobId,
            tenantId: tenant,
            kind,
            input: { targets, tenant },
            total: targetCount,
            createdBy: viewer.actor,
          });
          const details = { jobId, targetCount };
          await appendAudit(client, viewer, mutation, currentTraceId() ?? null, details);
        }
        return { jobId, targetCount, sample: [...sample], cursor, refused: refused.map(inWords) };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

interface Refused {
  readonly id: string;
  readonly known: boolean;
}

function demandOneKnown(refused: readonly Refused[]): void {
  if (refused.length === 0 || refused.some(({ known }) => known)) return;
  throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', [
    'input',
    'targets',
    'ids',
  ]);
}

function inWords({ id, known }: Refused) {
  return known
    ? { id, code: 'NOT_ENABLED' as const, message: `${id} is not enabled.` }
    : { id, code: 'UNKNOWN_ENROLLMENT' as const, message: `No enrolment has the id ${id}.` };
}
