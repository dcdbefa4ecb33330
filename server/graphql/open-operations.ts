import { setMaxListeners } from 'node:events';
import type { Access } from '../access/access.ts';
import type { Viewer } from '../model/viewer.ts';

/** The right to run of something that may last. */
export interface Lease {
  /** Aborted when the token has ended, with that as its reason, or when the server stops. */
  readonly ended: AbortSignal;
  release(): void;
}

/** Everything that is open for callers, so that it can be ended with their token or the server. */
export interface OpenOperations {
  open(viewer: Viewer): Lease;
  /** How many are open. */
  count(): number;
  /** Ends all that is open, and what is opened from now on, quietly. */
  stop(): void;
}

export function createOpenOperations(access: Pick<Access, 'watch'>): OpenOperations {
  const open = new Set<AbortController>();
  let isStopped = false;

  return {
    open(viewer) {
      const controller = new AbortController();
      // All subscriptions of one socket listen to it, which Node would take for a leak.
      setMaxListeners(0, controller.signal);
      // The listener takes requests until the others have ended: this one must not hold it up.
      if (isStopped) controller.abort();
      const watch = access.watch(viewer);
      open.add(controller);
      watch.signal.addEventListener('abort', () => controller.abort(watch.signal.reason));
      return {
        ended: controller.signal,
        release() {
          open.delete(controller);
          watch.release();
        },
      };
    },
    count: () => open.size,
    stop() {
      isStopped = true;
      for (const controller of open) controller.abort();
      open.clear();
    },
  };
}
