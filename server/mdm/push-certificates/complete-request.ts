import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import type { Viewer } from '../../model/viewer.ts';
import { matched, readCertificates } from '../../pki/key-pair.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { completeRequest } from '../../store/push-certificates/requests.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { checkPushCertificate } from './check-certificate.ts';
import { demandScope } from '../demand-scope.ts';
import { requestKeyPlace, requestOf } from './requests.ts';
import {
  checkIntent,
  storedUpload,
  storePushCertificate,
  type TopicIntent,
} from './store-certificate.ts';
import type { UploadAnswer } from './upload.ts';

export interface CompleteRequestInput extends TopicIntent {
  readonly requestId: string;
  /** What Apple's portal gave: PEM, or base64 of DER. */
  readonly certificate: string;
  /** Takes a certificate that has ended. */
  readonly force: boolean;
  readonly idempotencyKey: string | null;
}

/**
 * Puts Apple's certificate together with the key of its request, and stores both as an upload does.
 * @throws {NotFoundError} no such request
 * @throws {ValidationError} the certificate is none, is another request's, or fails an upload's checks
 * @throws {ConflictError} it is for another topic than was meant
 */
export async function completePushCertificateRequest(
  ctx: MdmContext,
  viewer: Viewer,
  input: CompleteRequestInput,
): Promise<UploadAnswer> {
  demandScope(viewer, 'push:write');
  checkIntent(input);
  const { requestId, renews, newTopic, force } = input;
  const request = await requestOf(ctx, viewer, requestId);
  const path = ['input', 'certificate'];
  const key = createPrivateKey({
    key: ctx.keyring.open(requestKeyPlace(request.id), request.key),
    format: 'der',
    type: 'pkcs8',
  });
  const pair = matched(readCertificates(input.certificate, path), key, path);
  const now = ctx.clock.now();
  const checked = checkPushCertificate(pair, { now, force }, path);
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'completePushCertificateRequest',
        key: input.idempotencyKey,
        input: {
          requestId: request.id,
          certificate: sha256Of(pair.certificate.der).toString('hex'),
          renews,
          newTopic,
          force,
        },
      },
      async () => {
        const mutation = 'completePushCertificateRequest';
        const upload = await storePushCertificate(ctx, client, viewer, checked, input, mutation);
        await completeRequest(client, request.id, now);
        return { ...upload, cursor };
      },
      (answer) => storedUpload.extend({ cursor: z.string() }).parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed };
}
