import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TypedDocumentString } from '../../generated/gql/graphql.ts';
import type { Answer, VariablesOf } from './ask.ts';
import type { GraphServer } from './graph-server.ts';

/** An item of a subscription as a client gets it. */
export type Item<Data> = Omit<Answer<Data>, 'status'>;

/** A subscription, on whichever transport. */
export interface Subscribed<Data> {
  /** The next item; `done` when the server has completed it. */
  next(): Promise<{ readonly done: boolean; readonly value: Item<Data> }>;
  /** Ends it from this side. */
  close(): Promise<void>;
}

export type Subscribe = <Data, Variables extends object>(
  server: Pick<GraphServer, 'url' | 'wsUrl'>,
  token: string,
  document: TypedDocumentString<Data, Variables>,
  ...[variables]: VariablesOf<Variables>
) => Promise<Subscribed<Data>>;

/** Subscribes by server-sent events: POST and fetch. */
export const bySse: Subscribe = async <Data, Variables extends object>(
  server: Pick<GraphServer, 'url'>,
  token: string,
  document: TypedDocumentString<Data, Variables>,
  ...[variables]: VariablesOf<Variables>
) => {
  const abort = new AbortController();
  const response = await fetch(server.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'text/event-stream',
      Authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query: document.toString(), variables }),
    signal: abort.signal,
  });
  const items = readSse<Data>(response);
  return {
    async next() {
      const { done, value } = await items.next();
      return { done: done === true, value };
    },
    async close() {
      abort.abort();
    },
  };
};

async function* readSse<Data>(
  response: Response,
): AsyncGenerator<Item<Data>, Item<Data>, undefined> {
  if (!response.body) throw new Error('no body');
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = /^event: (\w+)$/m.exec(block)?.[1];
      const data = /^data: (.+)$/m.exec(block)?.[1];
      if (event === 'next' && data !== undefined) yield JSON.parse(data);
      if (event === 'complete') return {};
    }
  }
  throw new Error('the connection was cut');
}

/** Subscribes by WebSocket, by graphql-ws's own client. */
export const byWebSocket: Subscribe = async <Data, Variables extends object>(
  server: Pick<GraphServer, 'wsUrl'>,
  token: string,
  document: TypedDocumentString<Data, Variables>,
  ...[variables]: VariablesOf<Variables>
) => {
  const client = createClient({
    url: server.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  const items = client.iterate({ query: document.toString(), variables: { ...variables } });
  return {
    async next() {
      const { done, value } = await items.next();
      return { done: done === true, value: (value ?? {}) as Item<Data> };
    },
    async close() {
      await items.return?.();
      await client.dispose();
    },
  };
};

/** A bare WebSocket that speaks the protocol by hand, to see what a client library hides. */
export async function rawSocket(
  server: Pick<GraphServer, 'wsUrl'>,
  init: Readonly<Record<string, unknown>> | null,
  headers: Readonly<Record<string, string>> = {},
) {
  const socket = new WebSocket(server.wsUrl, 'graphql-transport-ws', { headers });
  const received: Record<string, unknown>[] = [];
  let wake = () => {};
  let closed: { readonly code: number; readonly reason: string } | null = null;
  socket.on('message', (data) => {
    received.push(JSON.parse(Buffer.from(data as Buffer).toString()));
    wake();
  });
  const whenClosed = new Promise<{ readonly code: number; readonly reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      closed = { code, reason: String(reason) };
      resolve(closed);
      wake();
    });
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const send = (message: Readonly<Record<string, unknown>>) => socket.send(JSON.stringify(message));
  send({ type: 'connection_init', ...(init && { payload: init }) });
  return {
    send,
    whenClosed,
    /** The next message that fits; what does not fit is kept. */
    async message(fits: (message: Record<string, unknown>) => boolean) {
      for (;;) {
        const at = received.findIndex(fits);
        if (at >= 0) return received.splice(at, 1)[0];
        if (closed) throw new Error(`closed: ${JSON.stringify(closed)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close: () => socket.close(),
  };
}
