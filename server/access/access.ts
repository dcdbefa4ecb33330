import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Viewer } from '../model/viewer.ts';
import { findToken, goodTokens, writeTokensUsed } from '../store/tokens.ts';
import { createLastUsed } from './last-used.ts';
import { createTokenReader } from './tokens.ts';
import { type TokenWatch, createTokenWatcher } from './watch.ts';

/** Who calls, and for how long that is true. */
export interface Access {
  /**
   * Says who calls.
   * @param authorization  the header's value
   * @throws {Unauthenticated} no token, or none that is good
   */
  viewerOf(authorization: string | null | undefined): Promise<Viewer>;
  /** Watches a viewer's token for as long as something is open for him. */
  watch(viewer: Viewer): TokenWatch;
  stop(): Promise<void>;
}

/** Access by the API tokens of a database. */
export function createAccess(
  pool: Pick<Pool, 'query'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Access {
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
    viewerOf: reader.viewerOf,
    watch: (viewer) => watcher.watch(viewer),
    async stop() {
      watcher.stop();
      await lastUsed.stop();
    },
  };
}
