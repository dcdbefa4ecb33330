import type { Viewer } from '../model/viewer.ts';

/** What the two transports say of an operation before it starts. */
export interface Operation {
  readonly viewer: Viewer;
  readonly traceId: string;
  /** Aborted when its right to run has ended, with the reason, or when the server stops. */
  readonly ended: AbortSignal;
  /** To be told when it is a subscription whose source is there: it may go on for days. */
  readonly subscribed?: () => void;
}

/**
 * Makes what resolvers get; `main.ts` adds the services.
 * @template Context  the schema's own
 */
export type ContextOf<Context> = (operation: Operation) => Context;
