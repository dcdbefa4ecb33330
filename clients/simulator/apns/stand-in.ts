import { once } from 'node:events';
import type {
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import { constants, createSecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Authority } from '../identity.ts';
import { certificatePem } from '../identity.ts';
import { answerAccepted, answerRefused, collect } from './answers.ts';
import type { Caller, ReceivedPush } from './checks.ts';
import { check } from './checks.ts';
import { makePushAuthority, makeServerCertificate } from './push-certificates.ts';
import type { Reason } from './reasons.ts';
import type { Move, Rule } from './script.ts';

export interface StandInOptions {
  /** @default a new one */
  readonly authority?: Authority;
  /** @default any free port */
  readonly port?: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. @default 1000, as Apple's for certificates */
  readonly maxConcurrentStreams?: number;
  /** Told of every accepted push: wakes the device. */
  readonly heard?: (push: ReceivedPush) => void;
  /** The topic of a token that is known, for `BadDeviceToken` and `DeviceTokenNotForTopic`. */
  readonly topicOfToken?: (token: string) => string | undefined;
}

/** A local server that behaves as Apple's push service. */
export interface StandIn {
  readonly url: URL;
  /** Whom clients must trust, PEM. */
  readonly ca: string;
  readonly authority: Authority;
  /** First match decides; may be changed at any time. */
  readonly rules: Rule[];
  /** Accepted pushes in their order. */
  readonly pushes: readonly ReceivedPush[];
  /** Reasons of the refusals that the checks gave. */
  readonly refusals: readonly Reason[];
  /** Connections that got as far as HTTP/2, ever. */
  connections(): number;
  /** Connections that are open. */
  openConnections(): number;
  /** The most streams that were open on one connection at a time. */
  mostStreams(): number;
  /** Cuts every connection. */
  dropAll(): void;
  /** Tells every connection that it is the last, as when Apple restarts a server. */
  goawayAll(): void;
  /** Answers handshakes with this alert (RFC 8446, 6.2) instead; null ends it. */
  alertHandshakes(alert: number | null): void;
  close(): Promise<void>;
}

/** What is known of a connection. */
interface Line {
  readonly session: ServerHttp2Session;
  readonly caller: Caller;
  open: number;
  highest: number;
  /** Streams above it are not looked at; set by a GOAWAY. */
  last: number;
}

/** Starts the stand-in on the loopback interface. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const authority = options.authority ?? (await makePushAuthority());
  const ca = certificatePem(authority.certificate);
  const { certificate, key } = await makeServerCertificate(authority, 'localhost');
  const rules: Rule[] = [];
  const pushes: ReceivedPush[] = [];
  const refusals: Reason[] = [];
  const lines = new Map<Http2Session, Line>();
  const sockets = new Set<Socket>();
  let alert: number | null = null;
  let connections = 0;
  let mostStreams = 0;
  let number = 0;

  const secure = createSecureServer({
    cert: certificate,
    key,
    ca,
    requestCert: true,
    // The checks judge the certificate: Node cannot send the alert that Apple would.
    rejectUnauthorized: false,
    settings: { maxConcurrentStreams: options.maxConcurrentStreams ?? 1000 },
  });
  secure.on('sessionError', () => {});
  secure.on('tlsClientError', () => {});
  secure.on('session', (session) => {
    connections += 1;
    lines.set(session, { session, caller: callerOf(session), open: 0, highest: 0, last: Infinity });
    session.once('close', () => lines.delete(session));
  });
  secure.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const line = stream.session && lines.get(stream.session);
    if (line === undefined || isLeftOut(line, stream)) return;
    line.open += 1;
    line.highest = Math.max(line.highest, stream.id ?? 0);
    mostStreams = Math.max(mostStreams, line.open);
    stream.once('close', () => (line.open -= 1));
    void take(line, stream, headers);
  });

  async function take(line: Line, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    const body = await collect(stream);
    if (stream.destroyed || isLeftOut(line, stream)) return;
    const push = check(line.caller, headers, body);
    if (typeof push === 'string') {
      refusals.push(push);
      answerRefused(stream, headers, { do: 'refuse', reason: push });
      return;
    }
    number += 1;
    await perform(decide(push), push, line, stream, headers);
  }

  function decide(push: ReceivedPush): Move {
    for (const rule of rules) {
      const move = rule(push, number);
      if (move !== undefined) return move;
    }
    const known = options.topicOfToken?.(push.token);
    if (options.topicOfToken !== undefined && known === undefined) {
      return { do: 'refuse', reason: 'BadDeviceToken' };
    }
    if (known !== undefined && known !== push.topic) {
      return { do: 'refuse', reason: 'DeviceTokenNotForTopic' };
    }
    return { do: 'accept' };
  }

  function hear(push: ReceivedPush): void {
    pushes.push(push);
    options.heard?.(push);
  }

  async function perform(
    move: Move,
    push: ReceivedPush,
    line: Line,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<void> {
    if ('after' in move) await move.after;
    // While it waited, the connection may have gone, or a GOAWAY may have left it out.
    if (stream.destroyed || isLeftOut(line, stream)) return;
    switch (move.do) {
      case 'accept':
        hear(push);
        answerAccepted(stream, headers);
        break;
      case 'refuse':
        answerRefused(stream, headers, move);
        break;
      case 'refuse-stream':
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        break;
      case 'drop':
        if (move.heard) hear(push);
        line.session.destroy();
        break;
      case 'goaway':
        if (move.last === 'this') {
          hear(push);
          answerAccepted(stream, headers);
          goaway(line, line.highest, move.code, move.reason);
        } else {
          goaway(line, Math.max(0, (stream.id ?? 0) - 2), move.code, move.reason);
          isLeftOut(line, stream);
        }
        break;
      case 'nothing':
    }
  }

  const front = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    if (alert === null) secure.emit('connection', socket);
    else {
      const record = Buffer.from([21, 3, 3, 0, 2, 2, alert]);
      socket.once('data', () => socket.end(record));
    }
  });
  front.listen(options.port ?? 0, 'localhost');
  await once(front, 'listening');
  const address = front.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    url: new URL(`https://localhost:${port}`),
    ca,
    authority,
    rules,
    pushes,
    refusals,
    connections: () => connections,
    openConnections: () => lines.size,
    mostStreams: () => mostStreams,
    dropAll() {
      for (const socket of sockets) socket.destroy();
    },
    goawayAll() {
      for (const line of lines.values()) goaway(line, line.highest);
    },
    alertHandshakes(number) {
      alert = number;
    },
    async close() {
      if (!front.listening) return;
      const closed = once(front, 'close');
      front.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * Whether a GOAWAY said that the stream is not looked at. Node takes 0 as the last stream for "the last
 * one that came": then each stream has to be refused. In all other cases the GOAWAY has closed them, and
 * to close them once more breaks Node's memory.
 */
function isLeftOut(line: Line, stream: ServerHttp2Stream): boolean {
  if ((stream.id ?? 0) <= line.last) return false;
  if (line.last === 0 && !stream.destroyed) stream.close(constants.NGHTTP2_REFUSED_STREAM);
  return true;
}

/** Node's server ignores every stream that comes after its GOAWAY, so that it must name the last one. */
function goaway(line: Line, last: number, code = 0, reason?: Reason): void {
  if (line.session.destroyed) return;
  line.last = Math.min(line.last, last);
  const data = reason === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify({ reason }));
  line.session.goaway(code, line.last, data);
}

function callerOf(session: ServerHttp2Session): Caller {
  const { socket } = session;
  if (!(socket instanceof TLSSocket)) return { trusted: false, certificate: undefined };
  return { trusted: socket.authorized, certificate: socket.getPeerX509Certificate()?.raw };
}
