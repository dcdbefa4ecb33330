import { defaultRetry, delayAfter, type RetryOptions, sleep } from '../backoff.ts';
import { createCredentials, type Credentials, type Token } from '../credentials.ts';
import { type TypedDocument, textOf } from '../document.ts';
import { areTransient, exceptionOf, isTransient, TransportError } from '../errors.ts';
import { graphUrl } from '../url.ts';
import { type Answer, isRecord, type Operation } from '../requests/http.ts';
import { abortable } from './abortable.ts';
import { cursorOf, requireAfter } from './cursor.ts';
import { sseTransport } from './sse.ts';
import type { Transport } from './transport.ts';
import { webSocketTransport } from './websocket.ts';

/** A connection that was lost, or could not be made. */
export interface Interruption {
  /** How many there were since the last item. */
  readonly failures: number;
  readonly cause: unknown;
  /** Behind which it goes on; null when nothing has come yet. */
  readonly cursor: string | null;
  /** Milliseconds until the next try. */
  readonly delay: number;
}

export interface LiveOptions {
  /** Address of the server or of its graph: `https://mdm.example.com`, or with `/graphql`. */
  readonly url: string;
  readonly token: Token;
  /**
   * How subscriptions travel.
   * @default 'websocket' where there is a WebSocket (browsers, Node 22, or `webSocketImpl`), else 'sse'
   */
  readonly transport?: 'websocket' | 'sse' | undefined;
  /** For Node 20, which has no WebSocket: the one of the package `ws`. */
  readonly webSocketImpl?: unknown;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch | undefined;
  readonly retry?: RetryOptions | undefined;
  /**
   * A connection on which nothing comes for so long, in milliseconds, is taken for dead. The server
   * speaks every 12 seconds.
   * @default 30000
   */
  readonly silence?: number | undefined;
  /** Told of each connection that is lost; for logs. */
  readonly onInterruption?: ((interruption: Interruption) => void) | undefined;
}

export interface StreamOptions {
  /** Ends the iterator, quietly. */
  readonly signal?: AbortSignal | undefined;
}

/** Subscriptions that outlive their connections. */
export interface Live {
  /**
   * What a subscription yields, each item once and in order, through any number of connections. It ends
   * when the caller ends it; the document must take `$after: String` and select `cursor` everywhere.
   * @throws {UnauthorizedError} while iterated: the token is not (or no longer) good
   * @throws {CursorError} while iterated: `after` cannot be followed (any longer)
   * @throws {OperationError} while iterated: the server refuses the subscription itself
   * @throws {TypeError} at once: the document cannot be resumed
   */
  stream<Data, Variables extends object>(
    document: TypedDocument<Data, Variables>,
    variables: Variables,
    options?: StreamOptions,
  ): AsyncIterableIterator<Data, void, undefined>;
  /** Ends all that is subscribed, quietly. */
  close(): void;
}

/** Opens nothing yet: connections are made when something is subscribed. */
export function createLive(options: LiveOptions): Live {
  const credentials = createCredentials(options.token);
  const transport = transportOf(options, credentials);
  const retry = { ...defaultRetry, ...options.retry };
  const closed = new AbortController();

  async function* resumed(
    query: string,
    given: object,
    signal: AbortSignal,
  ): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
    let cursor: string | null = null;
    let failures = 0;
    while (!signal.aborted) {
      const variables = cursor === null ? given : { ...given, after: cursor };
      let cause: unknown = null;
      try {
        for await (const data of itemsOf(transport, { query, variables }, signal)) {
          cursor = cursorOf(data);
          failures = 0;
          yield data;
        }
        cause = new TransportError('The server has completed the subscription.');
      } catch (error) {
        if (signal.aborted) return;
        const isRenewed = await credentials.renewed(error);
        if (!isRenewed && !isTransient(error)) throw error;
        cause = error;
      }
      if (signal.aborted) return;
      failures += 1;
      const delay = delayAfter(failures, retry);
      options.onInterruption?.({ failures, cause, cursor, delay });
      await sleep(delay, signal);
    }
  }

  return {
    stream<Data, Variables extends object>(
      document: TypedDocument<Data, Variables>,
      variables: Variables,
      { signal }: StreamOptions = {},
    ) {
      const text = textOf(document);
      requireAfter(text);
      return abortable(
        (ended) =>
          // What the server yields to a document that was checked against its schema has its type.
          resumed(text, variables, ended) as AsyncGenerator<Data, void, undefined>,
        [signal, closed.signal],
      );
    },
    close() {
      closed.abort();
      transport.close();
    },
  };
}

/** The items of one connection; what stands beside them as an error is thrown. */
async function* itemsOf(
  transport: Transport,
  operation: Operation,
  signal: AbortSignal,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  for await (const answer of transport.subscribe(operation, signal)) yield itemOf(answer);
}

/**
 * An item may come with errors about single fields: what this token may not see is null, and the item
 * comes all the same. What failed for the moment is worth another try, from the item before.
 */
function itemOf({ data, errors = [] }: Answer): Readonly<Record<string, unknown>> {
  const isItem = isRecord(data) && Object.values(data).some((value) => value !== null);
  if (isItem && !areTransient(errors)) return data;
  throw exceptionOf(errors, data);
}

function transportOf(options: LiveOptions, credentials: Credentials): Transport {
  const { webSocketImpl, silence = 30_000 } = options;
  const url = graphUrl(options.url);
  const hasSocket = webSocketImpl !== undefined || 'WebSocket' in globalThis;
  if ((options.transport ?? (hasSocket ? 'websocket' : 'sse')) === 'sse') {
    return sseTransport({ url, credentials, fetch: options.fetch ?? fetch, silence });
  }
  if (!hasSocket) {
    throw new TypeError(
      "There is no WebSocket here. Pass one (`import WebSocket from 'ws'`, `webSocketImpl: WebSocket`), or " +
        "take `transport: 'sse'`.",
    );
  }
  return webSocketTransport({
    url: url.replace(/^http/, 'ws'),
    credentials,
    webSocketImpl,
    silence,
  });
}
