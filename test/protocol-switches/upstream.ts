import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as an upstream server got it. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  /** Names in lower case; those that came twice are joined. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** What an upstream answers. */
export interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Upstream {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly asked: Asked[];
  /** How the next requests are answered; it may also answer by itself and return null. */
  answer: (asked: Asked, response: ServerResponse) => Answered | null;
  close(): Promise<void>;
}

/** Starts a server of the operator's, such as `--dm` names. */
export async function startUpstream(): Promise<Upstream> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then(
      (body) => {
        const { method = '', url = '', headers } = request;
        const one = { method, url, body, headers: joined(headers) };
        asked.push(one);
        const answer = upstream.answer(one, response);
        if (answer === null) return;
        response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '');
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = {
    port,
    url: `http://127.0.0.1:${port}`,
    asked,
    answer: () => ({}),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return upstream;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

function joined(headers: IncomingMessage['headers']): Asked['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}
