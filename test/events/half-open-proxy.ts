import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy whose network a test can cut or silence. */
export interface Proxy {
  readonly port: number;
  /** Ends all connections and takes no new ones. */
  cut(): void;
  /** Lets connections through again. */
  mend(): void;
  /** Connections stay up, but nothing that is sent arrives any more. New ones are served. */
  swallow(): void;
  close(): Promise<void>;
}

export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  let isCut = false;

  // A goodbye is swallowed like everything else, so it must not be answered on its own.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect({ ...target, allowHalfOpen: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!silent.has(from)) to.write(bytes);
      });
      from.on('end', () => {
        if (!silent.has(from)) to.end();
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP port');

  function cut(): void {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  }

  return {
    port: address.port,
    cut,
    mend() {
      isCut = false;
    },
    swallow() {
      for (const socket of sockets) silent.add(socket);
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
