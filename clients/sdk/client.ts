import { defaultRetry } from './backoff.ts';
import { createCredentials } from './credentials.ts';
import type { Rest, TypedDocument } from './document.ts';
import { commandResultsDocument } from './documents/command-results.ts';
import { enrollmentsDocument } from './documents/enrollments.ts';
import { eventCursorDocument } from './documents/event-cursor.ts';
import { eventsDocument } from './documents/events.ts';
import { pushOutcomesDocument } from './documents/push.ts';
import { type Enqueue, enqueue, type Sent } from './enqueue.ts';
import { type FollowOptions, follow, type LiveIterator } from './follow.ts';
import type {
  CommandResultsSubscription,
  CommandResultsSubscriptionVariables,
  EnqueueMutation,
  EnrollmentsQuery,
  EnrollmentsQueryVariables,
  EventsSubscription,
  EventsSubscriptionVariables,
  JobProgressSubscription,
  PushEnrollmentsInput,
  PushMutation,
  PushOutcomesSubscription,
  PushOutcomesSubscriptionVariables,
} from './generated/operations.ts';
import { createLive, type Live, type LiveOptions } from './live/live.ts';
import { type List, list, type NodeOf } from './pages.ts';
import { jobProgress, type ProgressOptions, push, type Pushed } from './push.ts';
import { createRequests, type RequestOptions } from './requests/requests.ts';
import type { ErrorIn } from './result.ts';
import { graphUrl } from './url.ts';

export interface ClientOptions extends LiveOptions {
  /** How long one try of a query or mutation may take, in milliseconds. @default 60000 */
  readonly timeout?: number | undefined;
}

/**
 * A graphmdm server. What a caller gets wrong in a mutation is a value of its answer (see `isError`);
 * what goes wrong on the way is an exception: `TransportError`, `UnauthorizedError`, `OperationError`.
 */
export interface Client {
  /** Asks a query; asks again when the server is not reached. */
  query<Data, Variables extends object>(
    document: TypedDocument<Data, Variables>,
    ...rest: Rest<Variables, RequestOptions>
  ): Promise<Data>;
  /**
   * Sends a mutation, with an idempotency key in its `$input`: it is sent again when the answer was
   * lost, and done once. A key of your own, in the input, holds through restarts of your program too.
   */
  mutate<Data, Variables extends object>(
    document: TypedDocument<Data, Variables>,
    ...rest: Rest<Variables, RequestOptions>
  ): Promise<Data>;
  /** Reads any list: the nodes of the one connection that a query with `$after` selects. */
  list<Data extends object, Variables extends object>(
    document: TypedDocument<Data, Variables>,
    ...rest: Rest<Variables, RequestOptions>
  ): List<Data[keyof Data], NodeOf<Data>>;
  /** Devices, by id. */
  enrollments(
    options?: Pick<EnrollmentsQueryVariables, 'filter'> & {
      /** How many to ask for at once, at most 100. @default 100 */
      readonly pageSize?: number;
    } & RequestOptions,
  ): List<EnrollmentsQuery['enrollments'], NodeOf<EnrollmentsQuery>>;
  /** Queues a command; its answer has `results()`, or is an error. */
  enqueue(
    input: Enqueue,
    options?: RequestOptions,
  ): Promise<Sent | ErrorIn<EnqueueMutation['enqueueCommand']>>;
  /** Pushes; its answer has `outcomes()` and `progress()`, or is an error. */
  push(
    input: PushEnrollmentsInput,
    options?: RequestOptions,
  ): Promise<Pushed | ErrorIn<PushMutation['pushEnrollments']>>;
  /** The position of the newest event: ask for it, then list, then follow behind it. */
  eventCursor(options?: RequestOptions): Promise<string>;
  /** What becomes of commands. Without `after`: from now. */
  commandResults<Checkpoints extends boolean = false>(
    options?: CommandResultsSubscriptionVariables & FollowOptions<Checkpoints>,
  ): LiveIterator<CommandResultsSubscription, Checkpoints>;
  /** Everything that happens, with what every event has. Without `after`: from now. */
  events<Checkpoints extends boolean = false>(
    options?: EventsSubscriptionVariables & FollowOptions<Checkpoints>,
  ): LiveIterator<EventsSubscription, Checkpoints>;
  /** How jobs get on, or one of them. */
  jobProgress<Checkpoints extends boolean = false>(
    options?: {
      readonly job?: string | null;
      readonly after?: string | null;
    } & ProgressOptions<Checkpoints>,
  ): LiveIterator<JobProgressSubscription, Checkpoints>;
  /** What becomes of pushes. */
  pushOutcomes<Checkpoints extends boolean = false>(
    options?: PushOutcomesSubscriptionVariables & FollowOptions<Checkpoints>,
  ): LiveIterator<PushOutcomesSubscription, Checkpoints>;
  /** Follows a subscription of your own: it takes `$after: String`, and selects `cursor` everywhere. */
  follow<Data extends object, Variables extends object, Checkpoints extends boolean = false>(
    document: TypedDocument<Data, Variables>,
    variables: Variables,
    options?: FollowOptions<Checkpoints>,
  ): LiveIterator<Data, Checkpoints>;
  /** The layer below the live iterators; the urql exchange takes it. */
  readonly live: Live;
  /** Ends all live iterators, quietly, and the connection. */
  close(): void;
}

/** Makes a client. Nothing is sent before it is asked for something. */
export function createClient(options: ClientOptions): Client {
  const live = createLive(options);
  const requests = createRequests({
    url: graphUrl(options.url),
    credentials: createCredentials(options.token),
    fetch: options.fetch ?? fetch,
    retry: { ...defaultRetry, ...options.retry },
    timeout: options.timeout ?? 60_000,
  });

  return {
    query: (document, ...[variables, request]) => requests.query(document, variables, request),
    mutate: (document, ...[variables, request]) => requests.mutate(document, variables, request),
    list: (document, ...[variables, request]) => list(requests, document, variables, request),
    enrollments: ({ filter, pageSize = 100, ...request } = {}) =>
      list(requests, enrollmentsDocument, { filter, first: pageSize }, request),
    enqueue: (input, request) => enqueue(requests, live, input, request),
    push: (input, request) => push(requests, live, input, request),
    async eventCursor(request) {
      return (await requests.query(eventCursorDocument, {}, request)).eventCursor;
    },
    commandResults: ({ filter, after, ...following } = {}) =>
      follow(live, commandResultsDocument, { filter, after }, following),
    events: ({ filter, after, ...following } = {}) =>
      follow(live, eventsDocument, { filter, after }, following),
    jobProgress: ({ job = null, after = null, ...following } = {}) =>
      jobProgress(live, { job, after }, following),
    pushOutcomes: ({ job, enrollments, after, ...following } = {}) =>
      follow(live, pushOutcomesDocument, { job, enrollments, after }, following),
    follow: (document, variables, following = {}) => follow(live, document, variables, following),
    live,
    close: () => live.close(),
  };
}
