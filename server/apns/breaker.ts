import type { Clock } from '../model/clock.ts';
import type { CertificateProblem } from './certificate-problem.ts';

const shortest = 1000;
const longest = 60_000;

/** How long a refused certificate is left alone before one push tries it again. */
const refusedFor = 5 * 60_000;

/** Says whether, and when, another connection may be tried. */
export interface Breaker {
  /** A connection failed, or ended without one answer. */
  failed(): void;
  /** Apple answered: all is well. */
  answered(): void;
  /** Apple does not take the certificate. */
  refused(problem: CertificateProblem): void;
  /** Milliseconds until the next connection may be tried; 0: now. */
  wait(): number;
  /** Failures since the last answer. */
  failures(): number;
  /** Why the certificate is not tried now, or null. */
  problem(): CertificateProblem | null;
}

/**
 * A breaker that waits longer after each failure, from a second to a minute, half of it by chance so
 * that many processes do not come back at once.
 * @param random  0 to 1
 */
export function createBreaker(clock: Clock, random: () => number): Breaker {
  let failures = 0;
  let notBefore = 0;
  let problem: CertificateProblem | null = null;
  const wait = (): number => Math.max(0, notBefore - clock.now().getTime());
  const close = (ms: number): void => {
    notBefore = clock.now().getTime() + ms;
  };
  return {
    failed() {
      failures += 1;
      const full = Math.min(longest, shortest * 2 ** (failures - 1));
      close(Math.ceil(full * (0.5 + random() / 2)));
    },
    answered() {
      if (problem !== null) return;
      failures = 0;
      notBefore = 0;
    },
    refused(why) {
      problem = why;
      close(refusedFor);
    },
    wait,
    failures: () => failures,
    problem() {
      if (wait() === 0) problem = null;
      return problem;
    },
  };
}
