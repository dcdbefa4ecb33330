import type { Answer, Operation } from '../requests/http.ts';

/**
 * One connection's worth of a subscription. It never connects again by itself: what it yields ends
 * normally when the server has completed it, and throws when the connection was cut.
 */
export interface Transport {
  /**
   * @param signal  ends it at once, quietly
   * @throws {TransportError | UnauthorizedError | OperationError} while it is iterated
   */
  subscribe(operation: Operation, signal: AbortSignal): AsyncIterable<Answer>;
  /** Lets go of what it holds open. */
  close(): void;
}
