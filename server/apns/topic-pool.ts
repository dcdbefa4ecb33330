import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { outcomeOf } from './answer.ts';
import type { Breaker } from './breaker.ts';
import { createBreaker } from './breaker.ts';
import type { CertificateProblem } from './certificate-problem.ts';
import { CertificateError } from './certificate-problem.ts';
import type { Route } from './connect.ts';
import type { PushOutcome } from './outcome.ts';
import { certificateRefused, transient } from './outcome.ts';
import type { PushIdentity } from './push-identity.ts';
import type { PushRequest } from './push-request.ts';
import type { Session, SessionTimes } from './session.ts';
import { openSession } from './session.ts';
import type { WaitingPush } from './waiting.ts';
import { createWaiting } from './waiting.ts';

/** How much one topic may use. */
export interface PoolLimits {
  /** Connections at a time; those that are only being drained are not counted. */
  readonly connections: number;
  /** Streams of one connection, should Apple allow more. */
  readonly streams: number;
  /** Pushes that wait for a stream; more are turned away. */
  readonly waiting: number;
}

export interface PoolOptions {
  readonly route: Route;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly limits: PoolLimits;
  readonly times: SessionTimes;
}

/** One topic's connections, and the pushes that wait for them. */
export interface TopicPool {
  push(request: PushRequest): Promise<PushOutcome>;
  /** Shows this certificate from now on: old connections take no more pushes and are drained. */
  use(identity: PushIdentity): void;
  /** Turns away what waits, lets what was sent end, closes. */
  stop(): Promise<void>;
  /** Ends a `stop` that takes too long: the fate of what was sent is unknown. */
  abandon(): void;
  figures(): { readonly connections: number; readonly open: number; readonly waiting: number };
}

/** A connection and the certificate that it showed. */
interface Line {
  readonly session: Session;
  readonly shown: PushIdentity;
}

/** So often a push may come back unlooked at before it is given up for now. */
const mostReturns = 8;

/** After so many failures in a row, pushes are turned away at once instead of waiting. */
const patience = 3;

/** Opens no connection before the first push. */
export function createTopicPool(options: PoolOptions, first: PushIdentity): TopicPool {
  const { clock, log, limits, random } = options;
  const waiting = createWaiting();
  const taking = new Set<Line>();
  const leaving = new Set<Line>();
  let identity = first;
  let breaker: Breaker = createBreaker(clock, random);
  let connecting = false;
  let stopRetry: (() => void) | null = null;
  let stopped: (() => void) | null = null;

  function pump(): void {
    for (const line of taking) {
      while (line.session.room() > 0) {
        const next = waiting.take();
        if (next === undefined) break;
        void send(line, next);
      }
    }
    if (stopped !== null) closeAll(stopped);
    else if (waiting.size() > 0) grow();
  }

  async function send(line: Line, push: WaitingPush): Promise<void> {
    const end = await line.session.send(push.request);
    const { apnsId } = push.request;
    if (end.kind === 'answered') {
      const outcome = outcomeOf(end.answer, apnsId, clock.now());
      if (outcome.kind === 'certificate-refused')
        refuse(line.shown, outcome.problem, outcome.reason);
      else if (line.shown === identity) breaker.answered();
      // A server that says so takes no more, whether or not a GOAWAY follows.
      if (outcome.kind === 'transient' && outcome.reason === 'Shutdown') line.session.drain();
      push.settle(outcome);
    } else if (end.kind === 'unknown') {
      push.settle(transient(apnsId, end.why, { mayHaveArrived: true }));
    } else {
      push.returns += 1;
      if (push.returns < mostReturns && stopped === null) waiting.putBack(push);
      else push.settle(transient(apnsId, 'not taken by Apple'));
    }
    pump();
  }

  /** Looks for a way to send what waits: another connection, now or later, or none for now. */
  function grow(): void {
    const problem = breaker.problem();
    if (problem !== null) {
      waiting.settleAll(({ apnsId }) => certificateRefused(apnsId, problem));
      return;
    }
    if (connecting || taking.size >= limits.connections) return;
    const wait = breaker.wait();
    if (wait === 0) void open(identity);
    else if (taking.size === 0 && breaker.failures() >= patience) {
      waiting.settleAll(({ apnsId }) => transient(apnsId, 'no connection', { retryAfter: wait }));
    } else {
      stopRetry ??= clock.setTimer(wait, () => {
        stopRetry = null;
        pump();
      });
    }
  }

  async function open(shown: PushIdentity): Promise<void> {
    connecting = true;
    let line: Line | null = null;
    let goneAtOnce = false;
    try {
      const session = await openSession(
        { ...options, identity: shown, mostStreams: limits.streams },
        {
          room: () => line !== null && pump(),
          // One connection stays warm; others are there for as long as they are needed.
          quiet: () => taking.size > 1 && line?.session.drain(),
          leaving(why, problem) {
            if (line === null || !taking.delete(line)) return;
            leaving.add(line);
            if (problem !== null) refuse(shown, problem, why);
            log.debug({ why, open: line.session.open() }, 'a connection to Apple takes no more');
            pump();
          },
          closed(answers) {
            goneAtOnce = line === null;
            if (line === null) return;
            leaving.delete(line);
            if (answers === 0) failed(shown, null, 'closed before any answer');
            pump();
          },
        },
      );
      line = { session, shown };
      if (goneAtOnce) failed(shown, null, 'closed at once');
      else {
        taking.add(line);
        if (shown !== identity) session.drain();
      }
    } catch (error) {
      const problem = error instanceof CertificateError ? error.problem : null;
      failed(shown, problem, error instanceof Error ? error.message : String(error));
    }
    connecting = false;
    pump();
  }

  function failed(shown: PushIdentity, problem: CertificateProblem | null, why: string): void {
    if (problem !== null) refuse(shown, problem, why);
    else if (shown === identity && stopped === null) {
      breaker.failed();
      log.warn(
        { why, failures: breaker.failures(), waitMs: breaker.wait() },
        'no connection to Apple',
      );
    }
  }

  function refuse(shown: PushIdentity, problem: CertificateProblem, why: string): void {
    // What is said about a certificate that was replaced meanwhile is of no interest.
    if (shown !== identity || breaker.problem() !== null) return;
    breaker.refused(problem);
    log.error({ problem, why }, 'the push certificate is not taken: this topic gets no pushes');
    for (const { session } of taking) session.drain();
  }

  function closeAll(done: () => void): void {
    for (const { session } of taking) session.drain();
    if (taking.size === 0 && leaving.size === 0 && !connecting) done();
  }

  return {
    push(request) {
      if (stopped !== null) return Promise.resolve(transient(request.apnsId, 'stopping'));
      if (waiting.size() >= limits.waiting) {
        return Promise.resolve(transient(request.apnsId, 'too many wait', { retryAfter: 1000 }));
      }
      return new Promise((settle) => {
        waiting.add({ request, settle, returns: 0 });
        pump();
      });
    },
    use(next) {
      if (next.version === identity.version) return;
      identity = next;
      breaker = createBreaker(clock, random);
      stopRetry?.();
      stopRetry = null;
      for (const { session } of taking) session.drain();
      pump();
    },
    stop() {
      stopRetry?.();
      waiting.settleAll(({ apnsId }) => transient(apnsId, 'stopping'));
      return new Promise((resolve) => {
        stopped = resolve;
        pump();
      });
    },
    abandon() {
      for (const { session } of [...taking, ...leaving]) session.destroy('stopping');
      // One that is still being opened is closed as soon as it is there.
      stopped?.();
    },
    figures: () => ({
      connections: taking.size + leaving.size,
      open: [...taking, ...leaving].reduce((sum, { session }) => sum + session.open(), 0),
      waiting: waiting.size(),
    }),
  };
}
