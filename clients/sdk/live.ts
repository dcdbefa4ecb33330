// What the package exports as `@graphmdm/sdk/live`: the resuming transport alone.

export type { RetryOptions } from './backoff.ts';
export type { Token } from './credentials.ts';
export type { TypedDocument } from './document.ts';
export { CursorError, OperationError, TransportError, UnauthorizedError } from './errors.ts';
export {
  createLive,
  type Interruption,
  type Live,
  type LiveOptions,
  type StreamOptions,
} from './live/live.ts';
