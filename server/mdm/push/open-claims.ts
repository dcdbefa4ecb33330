import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import { keepClaims } from '../../store/push/claim-due.ts';
import type { MdmContext } from '../context.ts';

/** Claims whose pushes are under way here. */
export interface OpenClaims {
  add(claims: readonly ClaimedPush[]): void;
  remove(claims: readonly ClaimedPush[]): void;
  stop(): void;
}

/** A third of what a claim lasts, in milliseconds. */
const keepEveryMs = 20_000;

/**
 * Keeps claims alive for as long as Apple, or the way there, takes its time: nobody else pushes to these
 * enrolments until this process has an outcome, or is dead.
 */
export function createOpenClaims({ clock, graph, log }: MdmContext): OpenClaims {
  const open = new Map<string, ClaimedPush>();
  let stopped = false;
  let cancel = clock.setTimer(keepEveryMs, keep);

  function keep(): void {
    const claims = [...open.values()];
    const kept = claims.length === 0 ? Promise.resolve() : keepClaims(graph, claims);
    void kept
      .catch((error: unknown) => log.warn({ err: error }, 'claims of pushes could not be kept'))
      .then(() => {
        if (!stopped) cancel = clock.setTimer(keepEveryMs, keep);
      });
  }

  return {
    add(claims) {
      for (const one of claims) open.set(one.enrollmentKey, one);
    },
    remove(claims) {
      for (const one of claims) {
        if (open.get(one.enrollmentKey)?.claim === one.claim) open.delete(one.enrollmentKey);
      }
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
