import { type Viewer, scopesIn } from '../model/viewer.ts';
import type { StoredToken } from '../store/tokens.ts';

/** Who acts with this token. */
export function viewerOfToken(token: StoredToken): Viewer {
  return {
    actor: `token:${token.name}`,
    tokenId: token.id,
    tenant: token.tenantId,
    scopes: scopesIn(token.scopes),
    ...(token.expiresAt && { expiresAt: token.expiresAt }),
  };
}
