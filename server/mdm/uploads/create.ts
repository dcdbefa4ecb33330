import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { withTransaction } from '../../store/transaction.ts';
import { insertUpload } from '../../store/uploads/uploads.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { demandImportScopes } from './demand-scopes.ts';

/** What the paths of uploads begin with. */
export const uploadPrefix = '/uploads/';

/** How long an upload waits for its file, and then to be used, in milliseconds. */
const goodFor = 3 * 24 * 3_600_000;

export interface CreateUploadAnswer {
  readonly uploadId: string;
  /** Where to PUT the file, once; relative to this server's address. */
  readonly url: string;
  readonly expiresAt: Date;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({
  uploadId: z.string(),
  expiresAt: z.coerce.date(),
  cursor: z.string(),
});

/**
 * Makes an upload that the caller's token may fill once.
 * @throws {ForbiddenError} the token may not import
 */
export async function createUpload(
  ctx: MdmContext,
  viewer: Viewer,
  input: { readonly idempotencyKey: string | null },
): Promise<CreateUploadAnswer> {
  demandImportScopes(viewer);
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation: 'createUpload', key: input.idempotencyKey, input: {} },
      async () => {
        const uploadId = randomUUID();
        const createdAt = ctx.clock.now();
        const expiresAt = new Date(createdAt.getTime() + goodFor);
        await insertUpload(client, {
          id: uploadId,
          tenantId: viewer.tenant,
          tokenId: viewer.tokenId,
          createdBy: viewer.actor,
          createdAt,
          expiresAt,
        });
        await appendAudit(client, viewer, 'createUpload', currentTraceId() ?? null, { uploadId });
        return { uploadId, expiresAt, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  return { ...answer, url: `${uploadPrefix}${answer.uploadId}`, replayed };
}
