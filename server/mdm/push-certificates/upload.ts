import { z } from 'zod';
import { readPemPair, readPkcs12Pair } from '../../pki/key-pair.ts';
import { sha256Of } from '../../pki/sha256.ts';
import type { Viewer } from '../../model/viewer.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { checkPushCertificate } from './check-certificate.ts';
import { demandScope } from '../demand-scope.ts';
import {
  checkIntent,
  type StoredUpload,
  storedUpload,
  storePushCertificate,
  type TopicIntent,
} from './store-certificate.ts';

/** A certificate with its key, as people have them. */
export type CertificateFile =
  /** Certificate and key, in any order and with a chain. */
  { readonly pem: string } | { readonly pkcs12: Buffer };

export interface UploadInput extends TopicIntent {
  readonly source: CertificateFile;
  readonly password: string | null;
  /** Takes a certificate that has ended. */
  readonly force: boolean;
  readonly idempotencyKey: string | null;
}

export interface UploadAnswer extends StoredUpload {
  readonly cursor: string;
  readonly replayed: boolean;
}

/**
 * Takes a push certificate with its key, new or in place of the one of its topic.
 * @throws {ValidationError} the file, or the certificate in it
 * @throws {ConflictError} it is for another topic than was meant
 * @throws {ForbiddenError} the token may not write push certificates
 */
export async function uploadPushCertificate(
  ctx: MdmContext,
  viewer: Viewer,
  input: UploadInput,
): Promise<UploadAnswer> {
  demandScope(viewer, 'push:write');
  checkIntent(input);
  const { source, password, renews, newTopic, force } = input;
  const path = ['input', 'source', 'pem' in source ? 'pem' : 'pkcs12'];
  const pair =
    'pem' in source
      ? readPemPair(source.pem, password, path)
      : readPkcs12Pair(source.pkcs12, password, path);
  const checked = checkPushCertificate(pair, { now: ctx.clock.now(), force }, path);
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'uploadPushCertificate',
        key: input.idempotencyKey,
        // The certificate stands for its key, too: nothing of the secret goes into what is kept.
        input: {
          certificate: sha256Of(pair.certificate.der).toString('hex'),
          renews,
          newTopic,
          force,
        },
      },
      async () => {
        const mutation = 'uploadPushCertificate';
        const stored = await storePushCertificate(ctx, client, viewer, checked, input, mutation);
        return { ...stored, cursor };
      },
      (answer) => storedUpload.extend({ cursor: z.string() }).parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed };
}
