import { ConflictError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';
import { findCertificateTerm } from '../../store/push-certificates/certificates.ts';
import type { MdmContext } from '../context.ts';
import { type UploadInput, uploadPushCertificate } from './upload.ts';

/** Until when a topic's push certificate lasts. */
export interface CertificateTerm {
  readonly topic: string;
  readonly notAfter: Date;
}

/**
 * Takes a push certificate whatever its topic, for callers that cannot say which one they mean. One that
 * nothing is enrolled on, while devices are on others, is mostly a renewal gone wrong: the log warns.
 * @throws {ValidationError} the text, or the certificate in it
 */
export async function uploadAnyTopic(
  ctx: MdmContext,
  viewer: Viewer,
  pem: string,
): Promise<CertificateTerm> {
  const upload: UploadInput = {
    source: { pem },
    password: null,
    renews: null,
    newTopic: false,
    force: false,
    idempotencyKey: null,
  };
  const { topic } = await uploadPushCertificate(ctx, viewer, upload).catch((error: unknown) => {
    if (!(error instanceof ConflictError) || error.code !== 'NEW_TOPIC') throw error;
    ctx.log.warn({ reason: error.message }, 'a push certificate of another topic was stored');
    return uploadPushCertificate(ctx, viewer, { ...upload, newTopic: true });
  });
  const stored = await findCertificateTerm(ctx.graph, topic);
  if (stored === null) throw new Error(`the certificate of ${topic} was removed at once`);
  return stored;
}
