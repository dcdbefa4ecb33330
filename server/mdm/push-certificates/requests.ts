import { NotFoundError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';
import { findRequest, type StoredRequest } from '../../store/push-certificates/requests.ts';
import type { MdmContext } from '../context.ts';

/** Where the private key of a request is bound to. */
export function requestKeyPlace(id: string) {
  return { table: 'push_certificate_request', column: 'key', row: id };
}

/** Where the key that answers are encrypted for is bound to. */
export function encryptionKeyPlace(id: string) {
  return { table: 'push_certificate_request', column: 'encryption_key', row: id };
}

/** A request of the viewer's. @throws {NotFoundError} */
export async function requestOf(
  ctx: MdmContext,
  viewer: Viewer,
  id: string,
): Promise<StoredRequest> {
  const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id);
  const request = uuid ? await findRequest(ctx.graph, id, viewer.tenant) : null;
  if (request !== null) return request;
  throw new NotFoundError('UNKNOWN_REQUEST', 'No request for a push certificate has this id.', [
    'input',
    'requestId',
  ]);
}
