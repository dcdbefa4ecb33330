import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ForbiddenError, NotFoundError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { countRebuilt } from '../../store/inventory/rebuild.ts';
import { refusedIds } from '../../store/queue/judge-targets.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { type RebuildJobInput, rebuildJobKind } from './rebuild-input.ts';

export interface RebuildInventoryInput {
  readonly targets: Targets;
  /** Only say how many and which. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface RebuildInventoryAnswer {
  readonly jobId: string | null;
  readonly targetCount: number;
  /** Ids that are unknown. */
  readonly refused: readonly {
    readonly id: string;
    readonly code: 'UNKNOWN_ENROLLMENT';
    readonly message: string;
  }[];
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
      code: z.literal('UNKNOWN_ENROLLMENT'),
      message: z.string(),
    }),
  ),
  cursor: z.string(),
});

/**
 * Clears the inventory of enrolments and derives it anew from the answers that are kept: a job does so.
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ForbiddenError} the token may not change enrolments
 */
export async function rebuildInventory(
  ctx: MdmContext,
  viewer: Viewer,
  input: RebuildInventoryInput,
): Promise<RebuildInventoryAnswer> {
  if (!viewer.scopes.has('enrollments:write')) {
    throw new ForbiddenError(
      'MISSING_SCOPE',
      'This needs a token with the scope enrollments:write.',
    );
  }
  const { targets, validateOnly } = input;
  const cursor = await ctx.currentCursor();
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'rebuildInventory',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets },
      },
      async () => {
        const count = await countRebuilt(client, targets, viewer.tenant);
        const refused = (
          'ids' in targets ? await refusedIds(client, targets.ids, viewer.tenant) : []
        ).filter(({ known }) => !known);
        if (count === 0 && refused.length > 0) {
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
            kind: rebuildJobKind,
            input: { targets, tenant: viewer.tenant } satisfies RebuildJobInput,
            total: count,
            createdBy: viewer.actor,
          });
          await appendAudit(client, viewer, 'rebuildInventory', currentTraceId() ?? null, {
            jobId,
            targetCount: count,
          });
        }
        return {
          jobId,
          targetCount: count,
          cursor,
          refused: refused.map(({ id }) => ({
            id,
            code: 'UNKNOWN_ENROLLMENT' as const,
            message: `No enrolment has the id ${id}.`,
          })),
        };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}
