import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { tenantNamed } from '../../store/migration/tenants.ts';
import { withTransaction } from '../../store/transaction.ts';
import { findUpload, type StoredUpload, useUpload } from '../../store/uploads/uploads.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { demandImportScopes } from '../uploads/demand-scopes.ts';
import { isOwnUpload } from '../uploads/own.ts';
import { type MigrationJobInput, migrationJobKind } from './job-input.ts';

export interface MigrateEnrollmentsInput {
  /** Null when what the caller gave can be no upload's id. */
  readonly uploadId: string | null;
  /** The tenant that all of it belongs to, by name; null: the token's, else the default one. */
  readonly tenant: string | null;
  /** Try all of it and change nothing; the upload stays good for the import itself. */
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface MigrateEnrollmentsAnswer {
  readonly jobId: string;
  readonly lines: number;
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

const stored = z.object({ jobId: z.string(), lines: z.number(), cursor: z.string() });

/**
 * Imports what an upload holds: a job reads it.
 * @throws {NotFoundError} UNKNOWN_UPLOAD, UNKNOWN_TENANT
 * @throws {ValidationError} UPLOAD_EXPIRED; UPLOAD_FAILED: its file can't be used
 * @throws {ConflictError} UPLOAD_NOT_COMPLETE: its file has not arrived; UPLOAD_USED: it was imported
 * @throws {ForbiddenError} the token may not import
 */
export async function migrateEnrollments(
  ctx: MdmContext,
  viewer: Viewer,
  input: MigrateEnrollmentsInput,
): Promise<MigrateEnrollmentsAnswer> {
  demandImportScopes(viewer);
  const { uploadId, tenant, validateOnly } = input;
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'migrateEnrollments',
        key: input.idempotencyKey,
        input: { uploadId, tenant, validateOnly },
      },
      async () => {
        if (uploadId === null) throw unknownUpload();
        const upload = await findUpload(client, uploadId, true);
        if (upload === null || !isOwnUpload(viewer, upload)) throw unknownUpload();
        demandReady(upload, ctx.clock.now());
        const tenantId = await tenantOf(client, viewer, tenant);
        const jobId = randomUUID();
        await insertJob(client, {
          id: jobId,
          tenantId: viewer.tenant,
          kind: migrationJobKind,
          input: { uploadId, tenantId, validateOnly } satisfies MigrationJobInput,
          total: upload.lines,
          createdBy: viewer.actor,
        });
        if (!validateOnly) await useUpload(client, uploadId, jobId);
        await appendAudit(client, viewer, 'migrateEnrollments', currentTraceId() ?? null, {
          jobId,
          uploadId,
          tenantId,
          lines: upload.lines,
          validateOnly,
        });
        return { jobId, lines: upload.lines, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.kickJobs();
  return { ...answer, replayed, validateOnly };
}

const path = ['input', 'uploadId'];

function unknownUpload(): NotFoundError {
  return new NotFoundError('UNKNOWN_UPLOAD', 'This token has no upload with this id.', path);
}

function demandReady({ state, problem, expiresAt }: StoredUpload, now: Date): void {
  switch (state) {
    case 'USED':
      throw new ConflictError(
        'UPLOAD_USED',
        'This upload was imported already; its job tells how. Create another for another file.',
        path,
      );
    case 'FAILED':
      throw new ValidationError('UPLOAD_FAILED', problem ?? 'Its file cannot be used.', path);
    case 'WAITING':
    case 'RECEIVING':
      if (expiresAt <= now) throw expired();
      throw new ConflictError(
        'UPLOAD_NOT_COMPLETE',
        'The file of this upload has not arrived whole. PUT it to its URL; if that broke off, ' +
          'create another upload.',
        path,
      );
    case 'READY':
      if (expiresAt <= now) throw expired();
  }
}

function expired(): ValidationError {
  return new ValidationError(
    'UPLOAD_EXPIRED',
    'The time of this upload is over; create another.',
    path,
  );
}

async function tenantOf(client: PoolClient, viewer: Viewer, name: string | null): Promise<number> {
  if (name === null) return viewer.tenant ?? defaultTenant;
  const found = await tenantNamed(client, name);
  if (found === null || (viewer.tenant !== null && viewer.tenant !== found)) {
    throw new NotFoundError('UNKNOWN_TENANT', 'This token has no tenant with this name.', [
      'input',
      'tenant',
    ]);
  }
  return found;
}
