import type { Viewer } from '../../model/viewer.ts';
import type { StoredUpload } from '../../store/uploads/uploads.ts';

/**
 * Whether an upload is the caller's: what is another's does not exist for him. Callers without an API
 * token, such as an OIDC issuer's, are told apart by who they are.
 */
export function isOwnUpload(viewer: Viewer, upload: StoredUpload): boolean {
  return (
    upload.tenantId === viewer.tenant &&
    upload.tokenId === viewer.tokenId &&
    (viewer.tokenId !== null || upload.createdBy === viewer.actor)
  );
}
