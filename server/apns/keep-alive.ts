import type { ClientHttp2Session } from 'node:http2';
import type { Clock } from '../model/clock.ts';

/**
 * PINGs a connection as long as it lives, so that middle boxes keep it and a dead one is noticed.
 * A PING without an answer destroys the connection.
 * @returns a function that ends it
 */
export function keepAlive(
  http2: ClientHttp2Session,
  options: {
    readonly clock: Clock;
    /** Milliseconds between two PINGs. */
    readonly every: number;
    /** Milliseconds within which a PING must be answered. */
    readonly within: number;
    /** How many requests were sent so far. */
    readonly sent: () => number;
    /** Told when nothing was sent between two PINGs. */
    readonly quiet: () => void;
  },
): () => void {
  const { clock, every, within, sent, quiet } = options;
  let sentBefore = 0;
  let stop = clock.setTimer(every, ping);

  function ping(): void {
    if (http2.destroyed) return;
    stop = clock.setTimer(within, () => {
      http2.destroy(new Error(`PING was not answered within ${within / 1000} s`));
    });
    http2.ping((error) => {
      if (error !== null || http2.destroyed) return;
      stop();
      const wasQuiet = sent() === sentBefore;
      sentBefore = sent();
      stop = clock.setTimer(every, ping);
      if (wasQuiet) quiet();
    });
  }
  return () => stop();
}
