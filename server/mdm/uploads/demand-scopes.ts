import { ForbiddenError } from '../../model/errors.ts';
import type { Scope, Viewer } from '../../model/viewer.ts';

/** What an import writes: enrolments, commands with their results, push certificates. */
const needed: readonly Scope[] = ['enrollments:write', 'commands:write', 'push:write'];

/** @throws {ForbiddenError} the token lacks a scope that importing needs */
export function demandImportScopes(viewer: Viewer): void {
  const missing = needed.filter((scope) => !viewer.scopes.has(scope));
  if (missing.length === 0) return;
  throw new ForbiddenError(
    'MISSING_SCOPE',
    `An import needs a token with the scopes ${needed.join(', ')}; this one lacks ${missing.join(', ')}.`,
  );
}
