import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook as it came. */
export interface Received {
  readonly body: string;
  readonly json: Webhook;
  readonly signature: string | undefined;
  readonly contentType: string | undefined;
}

export interface Webhook {
  readonly topic: string;
  readonly event_id: string;
  readonly created_at: string;
  readonly checkin_event?: Readonly<Record<string, unknown>>;
  readonly acknowledge_event?: Readonly<Record<string, unknown>>;
}

export interface WebhookReceiver {
  readonly url: URL;
  readonly received: readonly Received[];
  /** What the next ones are answered with, by their body; 200 unless it says otherwise. */
  answer: (webhook: Webhook, earlier: number) => number | 'hang up';
  /** Where answers that redirect lead. */
  location: string;
  /** Resolves when what was received so far is as wanted. */
  until(wanted: (received: readonly Received[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const tries = new Map<string, number>();
  let waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    // Where a redirect leads.
    if (request.method === 'GET') return void response.end();
    const json: Webhook = JSON.parse(body);
    const earlier = tries.get(body) ?? 0;
    tries.set(body, earlier + 1);
    const status = receiver.answer(json, earlier);
    if (status === 'hang up') {
      request.socket.destroy();
      return;
    }
    if (status < 300) {
      const { 'x-hmac-signature': signature, 'content-type': contentType } = request.headers;
      received.push({ body, json, signature: signature?.toString(), contentType });
    }
    response.writeHead(status, status < 400 ? { Location: receiver.location } : {}).end();
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: WebhookReceiver = {
    url: new URL(`http://127.0.0.1:${port}/webhook?from=bridge`),
    received,
    answer: () => 200,
    location: '/',
    async until(wanted) {
      while (!wanted(received)) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
