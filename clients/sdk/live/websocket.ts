import { type Client, createClient } from 'graphql-ws/client';
import type { Credentials } from '../credentials.ts';
import { type GraphqlError, OperationError, TransportError } from '../errors.ts';
import type { Answer, Operation } from '../requests/http.ts';
import { isRecord } from '../requests/http.ts';
import { createQueue } from './queue.ts';
import type { Transport } from './transport.ts';

/**
 * What waits here for its reader at most. Then the subscription is given back to the server, and made
 * again from the last cursor once the reader has caught up: memory stays bounded, and nothing is lost.
 */
const waitingAtMost = 1_000;

export interface WebSocketSettings {
  /** `ws:` or `wss:` address of the graph. */
  readonly url: string;
  readonly credentials: Credentials;
  /** @default the global `WebSocket` */
  readonly webSocketImpl?: unknown;
  /** How long the server may be silent to a ping, in milliseconds. */
  readonly silence: number;
}

/** One socket, shared by all subscriptions; it opens with the first and closes with the last. */
interface Line {
  readonly client: Client;
  /** Ends what is subscribed on it. */
  readonly open: Set<(error: TransportError) => void>;
  /** The Authorization header that it was opened with. */
  authorization: string;
}

/** Subscriptions over a WebSocket, by the protocol graphql-transport-ws. */
export function webSocketTransport(settings: WebSocketSettings): Transport {
  const { url, credentials, webSocketImpl, silence } = settings;
  let line: Line | null = null;

  function connect(): Line {
    let watch: ReturnType<typeof setTimeout> | undefined;
    const heard = () => clearTimeout(watch);
    const expect = () => {
      heard();
      watch = setTimeout(() => giveUp(made), silence);
    };
    const client = createClient({
      url,
      webSocketImpl,
      // It would subscribe again with the first variables, from where it once began.
      retryAttempts: 0,
      keepAlive: silence,
      async connectionParams() {
        made.authorization = await credentials.header();
        return { authorization: made.authorization };
      },
      on: {
        connecting: expect,
        opened: expect,
        ping: (isReceived) => void (isReceived || expect()),
        message: heard,
        closed: heard,
        error: heard,
      },
    });
    const made: Line = { client, open: new Set(), authorization: '' };
    return made;
  }

  /** Takes a line for dead that says nothing any more. */
  function giveUp(dead: Line): void {
    if (line === dead) line = null;
    for (const end of dead.open) end(new TransportError('The server has gone silent.'));
    void dead.client.dispose()?.catch(() => {});
  }

  async function* subscribe(
    operation: Operation,
    signal: AbortSignal,
  ): AsyncGenerator<Answer, void, undefined> {
    if (signal.aborted) return;
    line ??= connect();
    const { client, open } = line;
    const used = line;
    const queue = createQueue<Answer>();
    let unsubscribe = () => {};
    const payload = payloadOf(operation, () =>
      queue.end(new TransportError('The WebSocket was closed: 1000')),
    );
    unsubscribe = client.subscribe(payload, {
      next(answer) {
        queue.push(answer);
        if (queue.size() < waitingAtMost) return;
        queue.end();
        unsubscribe();
      },
      error(error) {
        if (Array.isArray(error)) {
          queue.push({ errors: error as readonly GraphqlError[] });
          queue.end();
        } else {
          queue.end(exceptionOfClose(error, used));
        }
      },
      complete: () => queue.end(),
    });
    open.add(queue.end);
    signal.addEventListener('abort', queue.drop);
    try {
      yield* queue.values();
    } finally {
      signal.removeEventListener('abort', queue.drop);
      open.delete(queue.end);
      unsubscribe();
    }
  }

  function exceptionOfClose(error: unknown, { authorization }: Line): Error {
    if (!isRecord(error) || typeof error['code'] !== 'number') {
      return new TransportError('The WebSocket failed.', { cause: error });
    }
    const { code } = error;
    const reason = typeof error['reason'] === 'string' ? error['reason'] : '';
    if (code === 4401) return credentials.refused(authorization, reason || 'Unauthorized.');
    if (code === 4400) {
      return new OperationError([{ message: reason, extensions: { code: 'BAD_REQUEST' } }]);
    }
    return new TransportError(`The WebSocket was closed: ${code} ${reason}`.trimEnd());
  }

  return {
    subscribe,
    close() {
      const last = line;
      line = null;
      void last?.client.dispose()?.catch(() => {});
    },
  };
}

/**
 * Whatever its settings, graphql-ws subscribes again by itself, with the same variables, when a socket
 * was closed with 1000. This payload tells when it is sent for a second time.
 */
function payloadOf(operation: Operation, sentAgain: () => void) {
  const payload = {
    query: operation.query,
    variables: { ...operation.variables },
    operationName: operation.operationName,
  };
  let isSent = false;
  const toJSON = () => {
    if (isSent) sentAgain();
    isSent = true;
    return payload;
  };
  return { ...payload, toJSON };
}
