import { ForbiddenError, ValidationError } from '../../model/errors.ts';
import {
  isScope,
  scopes as allScopes,
  scopesIn,
  type TenantId,
  type Viewer,
} from '../../model/viewer.ts';

/** What a token allows, as somebody wants to give it away. */
export interface Grant {
  readonly scopes: readonly string[];
  readonly tenant: TenantId | null;
  readonly expiresAt: Date | null;
}

/**
 * Sees to it that nobody gives away more than he has: scopes, tenants or time.
 * @throws {ForbiddenError} it would be more
 */
export function demandWithinOwn(viewer: Viewer, { scopes, tenant, expiresAt }: Grant): void {
  const beyond = [...scopesIn(scopes)].filter((scope) => !viewer.scopes.has(scope));
  if (beyond.length > 0) {
    throw new ForbiddenError(
      'SCOPE_NOT_HELD',
      `Your own token lacks ${beyond.join(', ')}, so it cannot give that away.`,
      ['input', 'scopes'],
    );
  }
  if (viewer.tenant !== null && tenant !== viewer.tenant) {
    throw new ForbiddenError(
      'OTHER_TENANT',
      'Your own token belongs to one tenant; it cannot give away what is beyond.',
      ['input', 'tenantId'],
    );
  }
  if (viewer.expiresAt && (expiresAt === null || expiresAt > viewer.expiresAt)) {
    throw new ForbiddenError(
      'LASTS_TOO_LONG',
      `Your own right ends ${viewer.expiresAt.toISOString()}; what it gives away cannot last longer.`,
      ['input', 'expiresAt'],
    );
  }
}

/** @throws {ValidationError} the name, a scope or the time is wrong */
export function checkGrant(
  { name, scopes, expiresAt }: { name: string; scopes: readonly string[]; expiresAt: Date | null },
  now: Date,
): void {
  if (!/^[^\p{Cc}\p{Cs}]{1,100}$/u.test(name)) {
    throw new ValidationError(
      'BAD_NAME',
      'A name has 1 to 100 characters, none of them a control character.',
      ['input', 'name'],
    );
  }
  const unknown = scopes.findIndex((scope) => !isScope(scope));
  if (unknown >= 0) {
    throw new ValidationError(
      'UNKNOWN_SCOPE',
      `There is no scope ${JSON.stringify(scopes[unknown])}. There are: ${allScopes.join(', ')}.`,
      ['input', 'scopes', String(unknown)],
    );
  }
  if (scopes.length === 0) {
    throw new ValidationError('NO_SCOPES', 'A token without a scope can do nothing.', [
      'input',
      'scopes',
    ]);
  }
  if (expiresAt !== null && expiresAt <= now) {
    throw new ValidationError('EXPIRED', 'The token would have ended already; revoke it instead.', [
      'input',
      'expiresAt',
    ]);
  }
}
