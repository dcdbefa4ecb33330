import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** An HTTP proxy for CONNECT, whose tunnels can be cut and stopped. */
export interface ConnectProxy {
  /** With the credentials in it, if there are any. */
  readonly url: URL;
  /** The `host:port` of every CONNECT that was let through. */
  readonly targets: readonly string[];
  /** Nothing comes through the tunnels any more, and nobody is told. */
  freeze(): void;
  /** Closes all tunnels. */
  cut(): void;
  close(): Promise<void>;
}

/** @param credentials  `user:password` that clients must show */
export async function startConnectProxy(credentials?: string): Promise<ConnectProxy> {
  const targets: string[] = [];
  const sockets = new Set<Duplex>();
  const pairs = new Set<readonly [Duplex, Socket]>();
  const expected =
    credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;

  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, client: Duplex) => {
    keep(client);
    if (request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const target = request.url ?? '';
    const { hostname, port } = new URL(`http://${target}`);
    const upstream = connect(Number(port), hostname, () => {
      targets.push(target);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    keep(upstream);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const end of pair) {
      end.once('close', () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  });

  function keep(socket: Duplex): void {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  }

  server.listen(0, 'localhost');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: new URL(`http://${credentials === undefined ? '' : `${credentials}@`}localhost:${port}`),
    targets,
    freeze() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        client.pause();
        upstream.pause();
      }
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
