import { type Scope, type Viewer, scopes } from '../model/viewer.ts';
import type { StoredToken } from '../store/tokens.ts';

const known: ReadonlySet<string> = new Set(scopes);

/** Stands in a token for every scope, those that a later version adds too. */
export const everyScope = '*';

/** Who acts with this token. Scopes that this version does not know are left out. */
export function viewerOfToken(token: StoredToken): Viewer {
  return {
    actor: `token:${token.name}`,
    tokenId: token.id,
    tenant: token.tenantId,
    scopes: new Set(token.scopes.includes(everyScope) ? scopes : token.scopes.filter(isScope)),
  };
}

function isScope(text: string): text is Scope {
  return known.has(text);
}
