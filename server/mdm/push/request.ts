import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ForbiddenError, NotFoundError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { previewTargets } from '../../store/queue/enqueue.ts';
import { refusedIds } from '../../store/queue/judge-targets.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { type PushJobInput, pushJobKind } from './push-job-input.ts';

export interface PushEnrollmentsInput {
  readonly targets: Targets;
  /** Only say how many and which. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface PushEnrollmentsAnswer {
  readonly jobId: string | null;
  readonly targetCount: number;
  /** Ids that nothing can be pushed to: unknown, or not enabled. */
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
  refused: z.array(
    z.object({
      id: z.string(),
      code: z.enum(['UNKNOWN_ENROLLMENT', 'NOT_ENABLED']),
      message: z.string(),
    }),
  ),
  sample: z.array(z.string()),
  cursor: z.string(),
});

/**
 * Wakes enrolments: a job pushes to all of them.
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ForbiddenError} the token may not push
 */
export async function pushEnrollments(
  ctx: MdmContext,
  viewer: Viewer,
  input: PushEnrollmentsInput,
): Promise<PushEnrollmentsAnswer> {
  if (!viewer.scopes.has('push:write')) {
    throw new ForbiddenError('MISSING_SCOPE', 'This needs a token with the scope push:write.');
  }
  const { targets, validateOnly } = input;
  const cursor = await ctx.currentCursor();
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'pushEnrollments',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets },
      },
      async () => {
        const { count, sample } = await previewTargets(client, targets, viewer.tenant);
        const refused =
          'ids' in targets ? await refusedIds(client, targets.ids, viewer.tenant) : [];
        if (count === 0 && refused.length > 0 && refused.every((one) => !one.known)) {
          throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', [
            'input',
            'targets',
            'ids',
          ]);
        }
        const jobId = validateOnly ? null : randomUUID();
        if (jobId !== null) {
          await insertJob(client, {
            id: jobId,
            tenantId: viewer.tenant,
            kind: pushJobKind,
            input: { targets, tenant: viewer.tenant } satisfies PushJobInput,
            total: count,
            createdBy: viewer.actor,
          });
          await appendAudit(client, viewer, 'pushEnrollments', currentTraceId() ?? null, {
            jobId,
            targetCount: count,
          });
        }
        return {
          jobId,
          targetCount: count,
          sample: [...sample],
          cursor,
          refused: refused.map(({ id, known }) => ({
            id,
            code: known ? ('NOT_ENABLED' as const) : ('UNKNOWN_ENROLLMENT' as const),
            message: known ? `${id} is not enabled.` : `No enrolment has the id ${id}.`,
          })),
        };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}
