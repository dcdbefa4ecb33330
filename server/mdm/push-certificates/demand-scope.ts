import { ForbiddenError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';

/** @throws {ForbiddenError} the token may not change push certificates */
export function demandPushWrite(viewer: Viewer): void {
  if (viewer.scopes.has('push:write')) return;
  throw new ForbiddenError('MISSING_SCOPE', 'This needs a token with the scope push:write.');
}
