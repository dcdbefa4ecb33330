import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

const current = new AsyncLocalStorage<string>();

const digits = 32;
/** Digits for further ids: every message gets one, and to ask for so few costs more than they are worth. */
let store = '';
let used = 0;

/** A new trace id: 32 hex digits, as W3C Trace Context has them. No secret. */
export function newTraceId(): string {
  if (used === store.length) {
    store = randomBytes(64 * (digits / 2)).toString('hex');
    used = 0;
  }
  used += digits;
  return store.slice(used - digits, used);
}

/** Takes the trace id out of a `traceparent` header, or makes one (W3C Trace Context, §3.2). */
export function traceIdFrom(traceparent: string | undefined): string {
  const match = traceparent && /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/.exec(traceparent);
  const id = match ? match[1] : undefined;
  return id !== undefined && !/^0+$/.test(id) ? id : newTraceId();
}

/** How many runs of `withTraceId` are under way. */
let inside = 0;

/**
 * Runs `run` so that `currentTraceId` answers `id` inside it, across awaits, until what it returns has settled.
 *
 * Up to Node 22 what carries the id along makes every promise of the process dearer, and a poll by a seventh: so
 * it is on only while somebody is inside, and what devices send takes its id along by hand.
 * @param sooner  ends it before, when it settles: for answers that may go on for days
 */
export function withTraceId<T>(id: string, run: () => T, sooner?: Promise<unknown>): T {
  inside += 1;
  let hasLeft = false;
  const leave = (): void => {
    if (hasLeft) return;
    hasLeft = true;
    inside -= 1;
    if (inside === 0) current.disable();
  };
  try {
    const result = current.run(id, run);
    if (result instanceof Promise) result.then(leave, leave);
    else leave();
    sooner?.then(leave, leave);
    return result;
  } catch (error) {
    leave();
    throw error;
  }
}

/** The trace id of the request being handled, or undefined outside of one. */
export function currentTraceId(): string | undefined {
  return current.getStore();
}
