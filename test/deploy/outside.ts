import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Send } from '../../clients/simulator/http.ts';
import { type Authority, type Identity, certificatePem } from '../../clients/simulator/identity.ts';
import { adminToken } from '../harness/server.ts';
import type { Proxy } from './proxies.ts';

/** What someone on the other side of a proxy does. */
export interface Outside {
  /** Sends one request over a connection of its own. */
  send(proxy: Proxy, request: OutsideRequest): Promise<OutsideReply>;
  /** A device's way to the proxy; without an identity it shows no certificate in TLS. */
  sender(identity: Identity | null): { readonly send: Send; readonly close: () => void };
  /** Options of a TLS connection that trusts the proxy. */
  tls(identity: Identity | null): ConnectionOptions;
  subscribeBySse(proxy: Proxy, query: string): Promise<Items>;
  subscribeByWebSocket(proxy: Proxy, query: string): Items;
}

export interface OutsideRequest {
  /** @default '/mdm' */
  readonly path?: string;
  /** @default 'PUT' */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer;
  /** Told in front, or not, or told and the body kept until it is asked for (RFC 9110, §10.1.1). */
  readonly length?: 'told' | 'untold' | 'asked';
  readonly identity?: Identity | null;
  readonly tls?: ConnectionOptions;
}

export interface OutsideReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly resumed: boolean;
}

/** What a subscription brings. */
export interface Items {
  next(): Promise<unknown>;
  close(): Promise<void>;
}

/** @param authority whose certificate the proxy shows */
export function createOutside(authority: Authority): Outside {
  const ca = certificatePem(authority.certificate);
  const tls = (identity: Identity | null): ConnectionOptions => ({
    ca,
    ...(identity && {
      cert: [identity.certificate, ...identity.intermediates].map(certificatePem).join(''),
      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
    }),
  });
  return {
    tls,
    async send(proxy, { path = '/mdm', method = 'PUT', headers = {}, body, ...more }) {
      const bytes = body ?? Buffer.alloc(0);
      const options: RequestOptions = {
        ...tls(more.identity ?? null),
        ...more.tls,
        agent: false,
        path,
        method,
        headers: {
          ...headers,
          ...(more.length === 'untold'
            ? { 'Transfer-Encoding': 'chunked' }
            : { 'Content-Length': bytes.length }),
          ...(more.length === 'asked' && { Expect: '100-continue' }),
        },
      };
      const reply = await open(proxy.url, options, bytes);
      const resumed = (reply.socket as TLSSocket).isSessionReused();
      const text = await textOf(reply);
      return { status: reply.statusCode ?? 0, headers: reply.headers, text, resumed };
    },
    sender(identity) {
      const agent = new Agent({ ...tls(identity), keepAlive: true });
      const send: Send = async ({ url, contentType, headers, body }) => {
        const started = performance.now();
        const reply = await open(
          url.href,
          { agent, method: 'PUT', headers: { ...headers, 'Content-Type': contentType } },
          body,
        );
        const bytes = Buffer.from(await textOf(reply));
        return {
          status: reply.statusCode ?? 0,
          contentType: reply.headers['content-type'] ?? '',
          body: bytes,
          milliseconds: performance.now() - started,
        };
      };
      return { send, close: () => agent.destroy() };
    },
    async subscribeBySse(proxy, query) {
      const reply = await open(
        `${proxy.url}/graphql`,
        {
          ca,
          agent: false,
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            Accept: 'text/event-stream',
            // As browsers ask: a proxy that compressed the stream would hold it back.
            'Accept-Encoding': 'gzip, deflate, br',
            Authorization: `Bearer ${adminToken}`,
          },
        },
        Buffer.from(JSON.stringify({ query })),
      );
      const items = readSse(reply);
      return {
        async next() {
          return (await items.next()).value;
        },
        async close() {
          reply.destroy();
        },
      };
    },
    subscribeByWebSocket(proxy, query) {
      const client = createClient({
        url: `${proxy.url.replace('https:', 'wss:')}/graphql`,
        webSocketImpl: class extends WebSocket {
          constructor(address: string, protocols: string) {
            super(address, protocols, { ca });
          }
        },
        connectionParams: { authorization: `Bearer ${adminToken}` },
        retryAttempts: 0,
      });
      const items = client.iterate({ query });
      return {
        async next() {
          return (await items.next()).value;
        },
        async close() {
          await client.dispose();
        },
      };
    },
  };
}

function open(url: string, options: RequestOptions, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, resolve).on('error', reject);
    if (sent.getHeader('Expect') === undefined) sent.end(body);
    else sent.on('continue', () => sent.end(body)).flushHeaders();
  });
}

async function textOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of reply.setEncoding('utf8')) text += String(part);
  return text;
}

async function* readSse(reply: IncomingMessage): AsyncGenerator<unknown, undefined, undefined> {
  if (reply.statusCode !== 200) throw new Error(`${reply.statusCode} ${await textOf(reply)}`);
  let text = '';
  for await (const part of reply.setEncoding('utf8')) {
    text += String(part);
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = /^data: (.+)$/m.exec(block)?.[1];
      if (/^event: next$/m.test(block) && data !== undefined) yield JSON.parse(data);
    }
  }
  throw new Error('the stream has ended');
}
