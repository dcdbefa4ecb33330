import { ForbiddenError } from '../model/errors.ts';
import type { Scope, Viewer } from '../model/viewer.ts';

/** @throws {ForbiddenError} the token lacks the scope */
export function demandScope(viewer: Viewer, scope: Scope): void {
  if (viewer.scopes.has(scope)) return;
  throw new ForbiddenError('MISSING_SCOPE', `This needs a token with the scope ${scope}.`);
}
