import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Viewer } from '../model/viewer.ts';
import { findToken, goodTokens, writeTokensUsed } from '../store/tokens.ts';
import { createLastUsed } from './last-used.ts';
import { createOidcReader, isJwt, type OidcSettings } from './oidc.ts';
import { bearer, createTokenReader } from './tokens.ts';
import { type TokenWatch, createTokenWatcher } from './watch.ts';

/** Who calls, and for how long that is true. */
export interface Access {
  /**
   * Says who calls.
   * @param authorization  the header's value
   * @throws {Unauthenticated} no token, or none that is good
   * @throws {AccessUnavailable} it cannot be checked now
   */
  viewerOf(authorization: string | null | undefined): Promise<Viewer>;
  /** Watches a viewer's token for as long as something is open for him. */
  watch(viewer: Viewer): TokenWatch;
  stop(): Promise<void>;
}

/**
 * Access by the API tokens of a database, and by an OIDC issuer's tokens.
 * @param parts.oidc  absent or null: API tokens only
 */
export function createAccess(
  pool: Pick<Pool, 'query'>,
  parts: { readonly clock: Clock; readonly log: Log; readonly oidc?: OidcSettings | null },
): Access {
  const { clock, log } = parts;
  const oidc = parts.oidc ? createOidcReader(parts.oidc, parts) : null;
  const lastUsed = createLastUsed({ clock, log, write: (used) => writeTokensUsed(pool, used) });
  const reader = createTokenReader({
    clock,
    find: (sha256) => findToken(pool, sha256),
    used: (id) => lastUsed.used(id),
  });
  const watcher = createTokenWatcher({
    clock,
    log,
    good: (ids) => goodTokens(pool, ids),
    onEnd: reader.forget,
  });
  return {
    async viewerOf(authorization) {
      const token = oidc && bearer(authorization);
      return token && isJwt(token) ? oidc(token) : reader.viewerOf(authorization);
    },
    watch: (viewer) => watcher.watch(viewer),
    async stop() {
      watcher.stop();
      await lastUsed.stop();
    },
  };
}
