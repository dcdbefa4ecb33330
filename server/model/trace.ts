import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

const current = new AsyncLocalStorage<string>();

const bytes = 16;
/** For further ids: every message gets one, and to ask the system for so little costs more than all the rest. */
let store = Buffer.alloc(0);
let used = 0;

/** A new trace id: 32 hex digits, as W3C Trace Context has them. No secret. */
export function newTraceId(): string {
  if (used === store.length) {
    store = randomBytes(64 * bytes);
    used = 0;
  }
  used += bytes;
  return store.toString('hex', used - bytes, used);
}

/** Takes the trace id out of a `traceparent` header, or makes one (W3C Trace Context, §3.2). */
export function traceIdFrom(traceparent: string | undefined): string {
  const match = traceparent && /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/.exec(traceparent);
  const id = match ? match[1] : undefined;
  return id !== undefined && !/^0+$/.test(id) ? id : newTraceId();
}

/** How many runs of `withTraceId` are under way. */
let inside = 0;

/** Up to Node 22 what carries an id along makes every promise of the process dearer, and a poll by a tenth. */
const isDear = Number(process.versions.node.split('.')[0]) < 24;

/**
 * Runs `run` so that `currentTraceId` answers `id` inside it, across awaits, until what it returns has settled.
 * What goes on behind that has to take the id along itself, and so does what devices send: where it is dear to
 * carry it along, that is done only while somebody is inside.
 * @param run  what it returns, if it is a promise, is the caller's to await: its failure is not told of here
 * @param sooner  ends it before, when it settles: for answers that may go on for days
 */
export function withTraceId<T>(id: string, run: () => T, sooner?: Promise<unknown>): T {
  inside += 1;
  let hasLeft = false;
  const leave = (): void => {
    if (hasLeft) return;
    hasLeft = true;
    inside -= 1;
    if (inside === 0 && isDear) current.disable();
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
