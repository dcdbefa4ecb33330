import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Viewer } from '../model/viewer.ts';
import type { StoredToken } from '../store/tokens.ts';
import { Unauthenticated } from './unauthenticated.ts';
import { viewerOfToken } from './viewer-of-token.ts';

/** A token in use for longer than a moment. */
export interface TokenWatch {
  /** Aborted with `Unauthenticated` within 5 seconds after the token has ended or was narrowed. */
  readonly signal: AbortSignal;
  /** Ends the watching. */
  release(): void;
}

export interface TokenWatcher {
  watch(viewer: Viewer): TokenWatch;
  stop(): void;
}

/** Together with the time of the look-up itself this stays below the 5 seconds promised. */
const lookEvery = 2_000;

/** Node's timers take 24 days at most. */
const longestTimer = 86_400_000;

interface Watched {
  readonly viewer: Viewer;
  readonly controller: AbortController;
}

/** Watches the tokens of open subscriptions: one look-up for all of them, and none without any. */
export function createTokenWatcher(parts: {
  readonly clock: Clock;
  readonly log: Log;
  /** Those of these tokens that are still good. */
  readonly good: (ids: readonly string[]) => Promise<ReadonlyMap<string, StoredToken>>;
  /** Told before what a token holds open is ended. */
  readonly onEnd: () => void;
}): TokenWatcher {
  const { clock, log, good, onEnd } = parts;
  const watched = new Set<Watched>();
  let cancelTimer: (() => void) | null = null;
  let isLooking = false;
  let isStopped = false;

  function schedule(): void {
    if (cancelTimer || isLooking || isStopped || watched.size === 0) return;
    cancelTimer = clock.setTimer(lookEvery, () => {
      cancelTimer = null;
      void look();
    });
  }

  async function look(): Promise<void> {
    isLooking = true;
    try {
      const all = [...watched];
      const tokens = await good([...new Set(all.flatMap(({ viewer }) => viewer.tokenId ?? []))]);
      for (const one of all) {
        const { tokenId } = one.viewer;
        const token = tokenId === null ? undefined : tokens.get(tokenId);
        if (token && allowsAsMuch(viewerOfToken(token), one.viewer)) continue;
        watched.delete(one);
        onEnd();
        one.controller.abort(
          new Unauthenticated('The API token was revoked, has expired or was narrowed.'),
        );
      }
    } catch (error) {
      log.warn({ err: error }, 'the tokens of open subscriptions could not be looked up');
    } finally {
      isLooking = false;
      schedule();
    }
  }

  /** Ends what is open at its time, to the moment. */
  function endAt(expiresAt: Date | undefined, controller: AbortController): () => void {
    if (!expiresAt) return () => {};
    let cancel = (): void => {};
    const wait = (): void => {
      const left = expiresAt.getTime() - clock.now().getTime();
      if (left > 0) cancel = clock.setTimer(Math.min(left, longestTimer), wait);
      else controller.abort(new Unauthenticated('The token has expired.'));
    };
    wait();
    return () => cancel();
  }

  return {
    watch(viewer) {
      const one = { viewer, controller: new AbortController() };
      // Without a token of ours there is nothing to look up; it may end by itself, as an issuer's does.
      if (viewer.tokenId !== null) watched.add(one);
      schedule();
      const cancel = endAt(viewer.expiresAt, one.controller);
      return {
        signal: one.controller.signal,
        release() {
          cancel();
          watched.delete(one);
        },
      };
    },
    stop() {
      isStopped = true;
      watched.clear();
      cancelTimer?.();
    },
  };
}

function allowsAsMuch(now: Viewer, before: Viewer): boolean {
  return now.tenant === before.tenant && [...before.scopes].every((scope) => now.scopes.has(scope));
}
