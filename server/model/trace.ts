import { AsyncLocalStorage } from 'node:async_hooks';
import { randomPiece } from './random.ts';

const current = new AsyncLocalStorage<string>();

/** A new trace id: 32 hex digits, as W3C Trace Context has them. */
export function newTraceId(): string {
  return randomPiece(16).toString('hex');
}

/** Takes the trace id out of a `traceparent` header, or makes one (W3C Trace Context, §3.2). */
export function traceIdFrom(traceparent: string | undefined): string {
  const match = traceparent && /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/.exec(traceparent);
  const id = match ? match[1] : undefined;
  return id !== undefined && !/^0+$/.test(id) ? id : newTraceId();
}

/** Runs `run` so that `currentTraceId` answers `id` inside it, across awaits. */
export function withTraceId<T>(id: string, run: () => T): T {
  return current.run(id, run);
}

/** The trace id of the request being handled, or undefined outside of one. */
export function currentTraceId(): string | undefined {
  return current.getStore();
}
