import { type RequestListener, type Server, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { StartupError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import {
  boundUnfinishedHeaders,
  type HeaderBounds,
  longHeaderBytes,
  refusingLongHeaders,
  usualHeaderBytes,
} from './long-headers.ts';
import { cuttingSlowBodies } from './slow-bodies.ts';
import { followTls, readTls, type TlsFiles } from './tls.ts';

/** A port that is taken before there is anything to answer with, or, with `late`, that will be. */
export interface Listener {
  readonly server: Server;
  /**
   * From now on requests go to `handler`; until then they get 503.
   * @returns where it listens
   * @throws {StartupError} with `late`: the port is taken, or may not be used
   */
  serve(handler: RequestListener): Promise<AddressInfo>;
  /**
   * Takes no new connections, closes idle ones, and resolves when the last request has ended.
   * @param ms after that long what is left is cut
   */
  close(ms: number): Promise<void>;
}

export interface ListenOptions {
  /** Null: every address of the machine. */
  readonly host: string | null;
  readonly port: number;
  readonly tls: TlsFiles | null;
  /** Takes the port only when there is something to answer with: others answer on it already. @default false */
  readonly late?: boolean;
  /** Whether NanoMDM's tools call, which put thousands of ids into one URL. */
  readonly longUrls: boolean;
  /** With `longUrls`: what they may cost. */
  readonly headerBounds?: HeaderBounds;
  readonly log: Log;
}

/**
 * Takes the port at once, so that a second start on it ends before it has touched anything.
 * @throws {StartupError} the port is taken, or may not be used
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host, port, tls, late = false, longUrls, headerBounds, log } = options;
  let handler: RequestListener = (request, response) => {
    if (request.url === '/livez') return response.writeHead(200).end('{"status":"alive"}');
    return response.writeHead(503, { 'Retry-After': '5' }).end('Service Unavailable\n');
  };
  const common = { maxHeaderSize: longUrls ? longHeaderBytes : usualHeaderBytes };
  const pass: RequestListener = (request, response) => handler(request, response);
  const bounded = cuttingSlowBodies((path) => path.startsWith('/uploads/'), pass);
  const answer = longUrls ? refusingLongHeaders(bounded) : bounded;
  let stopFollowing = (): void => {};
  let server: Server;
  if (tls === null) {
    server = createServer(common, answer);
  } else {
    const secure = createTlsServer(
      { ...common, ...readTls(tls), requestCert: tls.clientAuth, rejectUnauthorized: false },
      answer,
    );
    stopFollowing = followTls(secure, tls, log);
    server = secure;
  }
  const stopLooking = longUrls ? boundUnfinishedHeaders(server, log, headerBounds) : () => {};
  // Proxies and devices keep connections for long; closing one that is being reused is a reset to them.
  server.keepAliveTimeout = 620_000;
  server.headersTimeout = 60_000;
  server.requestTimeout = 0;

  async function takePort(): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new StartupError(explain(error, host, port), { cause: error }));
      });
      server.listen({ host: host ?? undefined, port }, () => {
        server.removeAllListeners('error');
        resolve();
      });
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP address');
    return address;
  }

  const taken = late ? null : await takePort();
  return {
    server,
    async serve(next) {
      handler = next;
      return taken ?? takePort();
    },
    async close(ms) {
      stopFollowing();
      stopLooking();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      // A connection that still had a request becomes idle when that has been answered, and would stay.
      const sweep = setInterval(() => server.closeIdleConnections(), 20);
      const cut = setTimeout(() => {
        log.warn({ after: ms }, 'connections that did not end in time were cut');
        server.closeAllConnections();
      }, ms);
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
  };
}

function explain(error: NodeJS.ErrnoException, host: string | null, port: number): string {
  const where = `${host ?? ''}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return `Cannot listen on ${where}: another program has this port. Stop it, or choose another with --listen.`;
  }
  if (error.code === 'EACCES') {
    return `Cannot listen on ${where}: this user may not use the port. Choose one above 1023 with --listen.`;
  }
  return `Cannot listen on ${where}: ${error.message}`;
}
