import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that cuts connections in the middle of what the server says. */
export interface CuttingProxy {
  readonly url: string;
  /** How many it has cut. */
  readonly cuts: () => number;
  /** Resolves when there have been so many. */
  cutSoOften(times: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param bytesUntilCut  asked for each connection: how many bytes of the server pass before the cut;
 * null: it is never cut
 */
export async function startCuttingProxy(
  port: number,
  bytesUntilCut: () => number | null,
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const cut = new EventTarget();
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port });
    let left = bytesUntilCut() ?? Number.POSITIVE_INFINITY;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (left < 0) return;
      const passes = bytes.subarray(0, left);
      left -= bytes.length;
      if (left > 0) return void client.write(passes);
      left = -1;
      cuts += 1;
      // What passed arrives; then the connection is gone.
      client.write(passes, () => client.resetAndDestroy());
      upstream.destroy();
      cut.dispatchEvent(new Event('cut'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP port');

  return {
    url: `http://127.0.0.1:${address.port}`,
    cuts: () => cuts,
    async cutSoOften(times) {
      while (cuts < times) await once(cut, 'cut');
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
