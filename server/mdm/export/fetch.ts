import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { countExportPages, exportPage, exportState } from '../../store/export/pages.ts';
import type { MdmContext } from '../context.ts';
import { exportJobKind, exportPagePlace } from './job.ts';
import { demandExportScopes } from './request.ts';

/**
 * The file of an export, page by page: each is a whole gzip.
 * @throws {NotFoundError} UNKNOWN_EXPORT
 * @throws {ConflictError} EXPORT_NOT_READY: its job has not come to its end
 * @throws {ValidationError} EXPORT_EXPIRED: its file was deleted
 * @throws {ForbiddenError} the token may not see what is in it
 */
export async function fetchExport(
  ctx: MdmContext,
  viewer: Viewer,
  jobId: string | null,
): Promise<AsyncGenerator<Buffer>> {
  demandExportScopes(viewer);
  const found =
    jobId === null ? null : await exportState(ctx.graph, jobId, exportJobKind, viewer.tenant);
  if (jobId === null || found === null) {
    throw new NotFoundError('UNKNOWN_EXPORT', 'This token has no export with this id.');
  }
  const { state, pages } = found;
  if (state !== 'SUCCEEDED') {
    throw new ConflictError(
      'EXPORT_NOT_READY',
      `The job of this export is ${state}; its file is there once it has SUCCEEDED.`,
    );
  }
  if ((await countExportPages(ctx.graph, jobId)) < pages) {
    throw new ValidationError(
      'EXPORT_EXPIRED',
      'The file of this export was deleted; make another.',
    );
  }
  await appendAudit(ctx.graph, viewer, 'fetchExport', currentTraceId() ?? null, { jobId });
  return pagesOf(ctx, jobId, pages);
}

async function* pagesOf(ctx: MdmContext, jobId: string, pages: number): AsyncGenerator<Buffer> {
  for (let page = 0; page < pages; page++) {
    const content = await exportPage(ctx.graph, jobId, page);
    // Its day is over: better a download that breaks off than a file that looks whole.
    if (content === null) throw new Error(`page ${page} of the export ${jobId} was deleted`);
    yield ctx.keyring.open(exportPagePlace(jobId, page), content);
  }
}
