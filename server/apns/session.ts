import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../model/clock.ts';
import { reasonIn } from './answer.ts';
import type { CertificateProblem } from './certificate-problem.ts';
import { CertificateError, problemOfError, problemOfReason } from './certificate-problem.ts';
import type { Route } from './connect.ts';
import { connect } from './connect.ts';
import { keepAlive } from './keep-alive.ts';
import type { PushIdentity } from './push-identity.ts';
import type { PushRequest } from './push-request.ts';
import type { StreamEnd } from './stream.ts';
import { sendOn } from './stream.ts';

/** Times of a connection, milliseconds. */
export interface SessionTimes {
  /** Until Apple has accepted the connection. */
  readonly connect: number;
  /** Between two PINGs. */
  readonly ping: number;
  /** Until a PING must have been answered. */
  readonly pong: number;
  /** Until a push must have been answered. */
  readonly answer: number;
}

/** What a session tells whoever uses it. */
export interface SessionEvents {
  /** It takes more pushes than before. */
  room(): void;
  /** Nothing was sent between two PINGs. */
  quiet(): unknown;
  /** It takes no more pushes: Apple sent a GOAWAY, or the connection is lost. */
  leaving(why: string, problem: CertificateProblem | null): void;
  /**
   * It is gone, with every stream of it.
   * @param answers  how many pushes were answered on it
   */
  closed(answers: number): void;
}

/** A connection to Apple. */
export interface Session {
  /** Pushes without an answer. */
  open(): number;
  /** How many more pushes it takes now. */
  room(): number;
  /** Sends a push. Call it only when there is room. */
  send(request: PushRequest): Promise<StreamEnd>;
  /** Takes no more pushes and closes after the last answer. */
  drain(): void;
  /** Closes at once; the fate of what is open is unknown. */
  destroy(why: string): void;
}

export interface SessionOptions {
  readonly route: Route;
  readonly identity: PushIdentity;
  readonly clock: Clock;
  readonly times: SessionTimes;
  /** Never more streams than this, even if Apple allows more. */
  readonly mostStreams: number;
}

/**
 * Connects, and waits for Apple's SETTINGS: before them nobody knows how many streams are allowed, and
 * they are the first sign that the certificate was accepted.
 * @throws {CertificateError} Apple, or TLS, does not take the certificate
 * @throws {Error} no connection
 */
export async function openSession(
  options: SessionOptions,
  events: SessionEvents,
): Promise<Session> {
  const { route, identity, clock, times } = options;
  const late = new AbortController();
  const stopTimer = clock.setTimer(times.connect, () =>
    late.abort(new Error(`no connection within ${times.connect / 1000} s`)),
  );
  try {
    const socket = await connect(route, identity, 'h2', late.signal);
    const http2 = connectHttp2(route.url, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    const session = wrap(http2, socket, options, events);
    await settingsOf(http2, late.signal);
    return session;
  } catch (error) {
    const problem = problemOfError(error);
    if (problem === null || error instanceof CertificateError) throw error;
    throw new CertificateError(problem, error instanceof Error ? error.message : String(error));
  } finally {
    stopTimer();
  }
}

function settingsOf(http2: ClientHttp2Session, late: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure = new Error('the connection was closed before it was ready');
    http2.once('remoteSettings', () => resolve());
    http2.once('error', (error: Error) => {
      failure = error;
    });
    http2.once('goaway', (_code: number, _last: number, data?: Buffer) => {
      const reason = reasonIn(data ?? Buffer.alloc(0));
      const problem = problemOfReason(reason ?? '');
      if (problem !== null) failure = new CertificateError(problem, `Apple says ${reason}`);
    });
    http2.once('close', () => reject(failure));
    late.addEventListener('abort', () => http2.destroy(late.reason), { once: true });
  });
}

function wrap(
  http2: ClientHttp2Session,
  socket: TLSSocket,
  options: SessionOptions,
  events: SessionEvents,
): Session {
  const { clock, times, mostStreams } = options;
  let open = 0;
  let sent = 0;
  let answers = 0;
  let leaving = false;
  let lastStreamId: number | null = null;
  let gone = false;

  const tellIfGone = (): void => {
    if (gone && open === 0) events.closed(answers);
  };
  const leave = (why: string, problem: CertificateProblem | null = null): void => {
    if (leaving) return;
    leaving = true;
    events.leaving(why, problem);
    endWhenEmpty();
  };
  // Node ends a connection that it closes gracefully, and then waits for the other side to do so too.
  const endWhenEmpty = (): void => {
    if (!leaving || open > 0) return;
    setImmediate(() => {
      http2.destroy();
      socket.destroySoon();
    });
  };
  const stopPings = keepAlive(http2, {
    clock,
    every: times.ping,
    within: times.pong,
    sent: () => sent,
    quiet: () => events.quiet(),
  });

  http2.on('goaway', (code: number, last: number, data?: Buffer) => {
    lastStreamId = last;
    const reason = reasonIn(data ?? Buffer.alloc(0));
    leave(`GOAWAY ${reason ?? code}`, problemOfReason(reason ?? ''));
  });
  http2.on('error', (error: Error) => {
    leave(error.message, problemOfError(error));
  });
  http2.on('remoteSettings', () => events.room());
  http2.once('close', () => {
    stopPings();
    leave('closed');
    gone = true;
    tellIfGone();
  });

  return {
    open: () => open,
    room: () => {
      if (leaving || http2.closed || http2.destroyed) return 0;
      // RFC 9113, 6.5.2: without the setting there is no limit.
      const allowed = http2.remoteSettings.maxConcurrentStreams ?? mostStreams;
      return Math.max(0, Math.min(allowed, mostStreams) - open);
    },
    async send(request) {
      open += 1;
      sent += 1;
      const end = await sendOn(http2, request, {
        clock,
        within: times.answer,
        lastStreamId: () => lastStreamId,
      });
      open -= 1;
      if (end.kind === 'answered') answers += 1;
      events.room();
      endWhenEmpty();
      tellIfGone();
      return end;
    },
    drain() {
      leave('drained');
    },
    destroy(why) {
      leave(why);
      http2.destroy();
    },
  };
}
