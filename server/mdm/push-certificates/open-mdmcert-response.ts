import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { ConflictError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { appendAudit } from '../../store/audit.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { demandScope } from '../demand-scope.ts';
import { openMdmcertAnswer } from './mdmcert.ts';
import { encryptionKeyPlace, requestOf } from './requests.ts';

export interface OpenResponseInput {
  readonly requestId: string;
  /** The text of the mailed file: hexadecimal, base64 or PEM of PKCS #7. */
  readonly encrypted: string;
  readonly idempotencyKey: string | null;
}

export interface OpenResponseAnswer {
  readonly requestId: string;
  /** What Apple's portal takes. */
  readonly signedRequest: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ requestId: z.string(), cursor: z.string() });

/**
 * Decrypts what mdmcert.download mailed for a request.
 * @throws {NotFoundError} no such request
 * @throws {ConflictError} the request was not made for mdmcert.download
 * @throws {ValidationError} it does not decrypt, or is another request's
 */
export async function openMdmcertResponse(
  ctx: MdmContext,
  viewer: Viewer,
  input: OpenResponseInput,
): Promise<OpenResponseAnswer> {
  demandScope(viewer, 'push:write');
  const { id, csr, encryption } = await requestOf(ctx, viewer, input.requestId);
  if (encryption === null) {
    throw new ConflictError(
      'OTHER_ROUTE',
      'This request was not made for mdmcert.download, so nothing was encrypted for it.',
      ['input', 'requestId'],
    );
  }
  const key = createPrivateKey({
    key: ctx.keyring.open(encryptionKeyPlace(id), encryption.key),
    format: 'der',
    type: 'pkcs8',
  });
  const { certificate } = encryption;
  const signedRequest = openMdmcertAnswer(input.encrypted, { certificate, key }, csr);
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'openMdmcertResponse',
        key: input.idempotencyKey,
        input: { requestId: id, encrypted: sha256Of(Buffer.from(input.encrypted)).toString('hex') },
      },
      async () => {
        const traceId = currentTraceId() ?? null;
        await appendAudit(client, viewer, 'openMdmcertResponse', traceId, { requestId: id });
        return { requestId: id, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  return { ...done.answer, signedRequest, replayed: done.replayed };
}
