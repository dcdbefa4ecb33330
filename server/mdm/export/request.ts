import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ForbiddenError, NotFoundError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Scope, Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { countExported } from '../../store/export/read.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { exportJobKind } from './job.ts';

/** What the paths of exports begin with. */
export const exportPrefix = '/exports/';

export interface ExportEnrollmentsInput {
  readonly targets: Targets;
  /** Only say how many. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface ExportEnrollmentsAnswer {
  readonly jobId: string | null;
  /** Where to GET the file once the job has succeeded; relative to this server's address. */
  readonly url: string | null;
  readonly targetCount: number;
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

const stored = z.object({
  jobId: z.string().nullable(),
  targetCount: z.number(),
  cursor: z.string(),
});

const needed: readonly Scope[] = ['enrollments:read', 'commands:read', 'secrets:read'];

/** @throws {ForbiddenError} the token may not see what an export holds */
export function demandExportScopes(viewer: Viewer): void {
  const missing = needed.filter((scope) => !viewer.scopes.has(scope));
  if (missing.length === 0) return;
  throw new ForbiddenError(
    'MISSING_SCOPE',
    `An export holds every secret, so it needs a token with the scopes ${needed.join(', ')}; this one ` +
      `lacks ${missing.join(', ')}.`,
  );
}

/**
 * Exports enrolments with all that belongs to them: a job writes the file.
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ForbiddenError} the token may not see what is in it
 */
export async function exportEnrollments(
  ctx: MdmContext,
  viewer: Viewer,
  input: ExportEnrollmentsInput,
): Promise<ExportEnrollmentsAnswer> {
  demandExportScopes(viewer);
  const { targets, validateOnly } = input;
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'exportEnrollments',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets },
      },
      async () => {
        const selection = { targets, tenant: viewer.tenant };
        const targetCount = await countExported(client, selection);
        if (targetCount === 0 && 'ids' in targets) {
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
            kind: exportJobKind,
            input: selection,
            total: targetCount,
            createdBy: viewer.actor,
          });
          await appendAudit(client, viewer, 'exportEnrollments', currentTraceId() ?? null, {
            jobId,
            targetCount,
          });
        }
        return { jobId, targetCount, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.kickJobs();
  const { jobId } = answer;
  return { ...answer, url: jobId === null ? null : exportPrefix + jobId, replayed, validateOnly };
}
