import { ForbiddenError } from '../../model/errors.ts';
import type { Scope, Viewer } from '../../model/viewer.ts';
import { countExported } from '../../store/export/read.ts';
import type { MdmContext } from '../context.ts';
import {
  askForTargetsJob,
  type TargetsJobAnswer,
  type TargetsJobInput,
} from '../jobs/over-targets.ts';
import { exportJobKind } from './job.ts';

/** What the paths of exports begin with. */
export const exportPrefix = '/exports/';

export interface ExportEnrollmentsAnswer extends TargetsJobAnswer {
  /** Where to GET the file once the job has succeeded; relative to this server's address. */
  readonly url: string | null;
}

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
  input: TargetsJobInput,
): Promise<ExportEnrollmentsAnswer> {
  demandExportScopes(viewer);
  const answer = await askForTargetsJob(ctx, viewer, input, {
    mutation: 'exportEnrollments',
    kind: exportJobKind,
    enabledOnly: false,
    count: (client, targets, tenant) => countExported(client, { targets, tenant }),
  });
  const { jobId } = answer;
  return { ...answer, url: jobId === null ? null : exportPrefix + jobId };
}
