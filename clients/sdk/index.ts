// What the package `@graphmdm/sdk` exports. Inside this repository import the files themselves.

export type { RetryOptions } from './backoff.ts';
export { type Client, type ClientOptions, createClient } from './client.ts';
export type { Token } from './credentials.ts';
export type { TypedDocument } from './document.ts';
export type { Enqueue, ResultsOptions, Sent } from './enqueue.ts';
export {
  CursorError,
  type CursorErrorCode,
  type GraphqlError,
  OperationError,
  TransportError,
  UnauthorizedError,
} from './errors.ts';
export type { FollowOptions, LiveIterator } from './follow.ts';
export type * from './generated/operations.ts';
export type { Interruption } from './live/live.ts';
export type { Connection, List } from './pages.ts';
export type { ProgressOptions, Pushed } from './push.ts';
export type { RequestOptions } from './requests/requests.ts';
export { type ErrorIn, isError } from './result.ts';
