import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { type Clock, systemClock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';

/** Bytes that a request line with its headers may have: a signature in a header has 4 KB. */
export const usualHeaderBytes = 64 * 1024;

/** The same for NanoMDM's tools, which put ids into the URL: 28,000 UUIDs with their commas, and some. */
export const longHeaderBytes = 1_250 * 1024;

/** What begins the paths that may be so long. */
const longPaths = '/v1/';

/**
 * Bytes that long headers which have not arrived whole may hold together. Nobody has shown who he is by
 * then, so he may take his time with many of them.
 */
const usualBudget = 128 * 1024 * 1024;

const lookEveryMs = 1_000;

/** How unfinished headers are bounded, for those who would not wait for 128 MiB. */
export interface HeaderBounds {
  /** Bytes that they may hold together. @default 128 MiB */
  readonly budget?: number;
  /** @default the machine's own clock, which looks every second */
  readonly clock?: Clock;
}

/** Node has one limit for a whole server: this gives all other paths theirs back. */
export function refusingLongHeaders(handler: RequestListener): RequestListener {
  return (request, response) => {
    const { url = '', rawHeaders } = request;
    const length = rawHeaders.reduce((sum, one) => sum + one.length, url.length);
    if (length <= usualHeaderBytes || url.startsWith(longPaths)) return handler(request, response);
    return response
      .writeHead(431, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end('Request Header Fields Too Large\n');
  };
}

/**
 * Cuts the connections with the longest unfinished headers while all of them together hold more memory
 * than they may.
 * @returns stops looking
 */
export function boundUnfinishedHeaders(
  server: Server,
  log: Log,
  { budget = usualBudget, clock = systemClock }: HeaderBounds = {},
): () => void {
  /** By connection: how many bytes it had sent when the last request on it ended, null during one. */
  const idleSince = new Map<Socket, number | null>();
  // Under TLS requests name the connection inside of it.
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    idleSince.set(socket, 0);
    socket.once('close', () => idleSince.delete(socket));
  });
  // What comes after an upgrade is no header.
  server.on('upgrade', ({ socket }) => idleSince.delete(socket));
  server.on('request', ({ socket }, response) => {
    idleSince.set(socket, null);
    response.once('close', () => {
      if (idleSince.has(socket)) idleSince.set(socket, socket.bytesRead);
    });
  });

  function look(): void {
    const long = [...idleSince]
      .map(([socket, since]) => ({ socket, bytes: since === null ? 0 : socket.bytesRead - since }))
      .filter(({ bytes }) => bytes > usualHeaderBytes)
      .sort((a, b) => a.bytes - b.bytes);
    let held = long.reduce((sum, { bytes }) => sum + bytes, 0);
    while (held > budget) {
      const last = long.pop();
      if (last === undefined) return;
      held -= last.bytes;
      log.warn({ addr: last.socket.remoteAddress }, 'a connection with too long a header was cut');
      last.socket.destroy();
    }
  }

  let cancel = (): void => {};
  function again(): void {
    cancel = clock.setTimer(lookEveryMs, () => {
      look();
      again();
    });
  }
  again();
  return () => cancel();
}
