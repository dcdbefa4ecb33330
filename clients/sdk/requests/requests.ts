import { type RetryOptions, delayAfter, sleep } from '../backoff.ts';
import { type TypedDocument, textOf } from '../document.ts';
import { exceptionOf, isTransient, TransportError } from '../errors.ts';
import { type Answer, isRecord, readAnswer, send, type Wire } from './http.ts';
import { withKeys } from './idempotency.ts';

/** What can be said for a single request. */
export interface RequestOptions {
  /** Gives up when aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface RequestSettings extends Wire {
  readonly retry: Required<RetryOptions>;
  /** How long one try may take, in milliseconds. */
  readonly timeout: number;
}

type Variables = Readonly<Record<string, unknown>>;

/** Queries and mutations over HTTP. */
export interface Requests {
  /** @throws {TransportError | UnauthorizedError | OperationError} */
  query<Data>(
    document: TypedDocument<Data, never>,
    variables: object | undefined,
    options: RequestOptions | undefined,
  ): Promise<Data>;
  /** As `query`, with a key that makes it safe to ask again. */
  mutate<Data>(
    document: TypedDocument<Data, never>,
    variables: object | undefined,
    options: RequestOptions | undefined,
  ): Promise<Data>;
}

export function createRequests(settings: RequestSettings): Requests {
  const { retry, timeout, credentials } = settings;
  const never = new AbortController().signal;

  async function once(query: string, variables: Variables, signal: AbortSignal): Promise<Answer> {
    const ended = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
    const accept = 'application/graphql-response+json, application/json';
    const answer = await readAnswer(await send(settings, { query, variables }, accept, ended));
    if (answer.errors) throw exceptionOf(answer.errors, answer.data);
    return answer;
  }

  /** Asks until there is an answer that is none of ours to repeat. */
  async function ask(
    query: string,
    variables: Variables,
    attempts: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      let wait = delayAfter(attempt, retry);
      try {
        const { data } = await once(query, variables, signal);
        if (attempt >= attempts || !isInProgress(data)) return data;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= attempts) throw error;
        if (await credentials.renewed(error)) wait = 0;
        else if (!isTransient(error)) throw error;
        if (error instanceof TransportError) wait = Math.max(wait, error.retryAfter ?? 0);
      }
      await sleep(wait, signal);
    }
  }

  return {
    async query<Data>(
      document: TypedDocument<Data, never>,
      variables: object = {},
      options: RequestOptions = {},
    ) {
      const text = textOf(document);
      // What the server answers to a document that was checked against its schema has the document's type.
      return (await ask(text, { ...variables }, retry.attempts, options.signal ?? never)) as Data;
    },
    async mutate<Data>(
      document: TypedDocument<Data, never>,
      variables: object = {},
      options: RequestOptions = {},
    ) {
      const text = textOf(document);
      const keyed = withKeys(text, { ...variables });
      const attempts = keyed.isKeyed ? retry.attempts : 1;
      return (await ask(text, keyed.variables, attempts, options.signal ?? never)) as Data;
    },
  };
}

/** Whether the server still works on an earlier request with the same key. */
function isInProgress(data: unknown): boolean {
  return (
    isRecord(data) &&
    Object.values(data).some((one) => isRecord(one) && one['code'] === 'IN_PROGRESS')
  );
}
