import type { Clock } from '../../model/clock.ts';

const windowMs = 60_000;
/** Wrong challenges that an address may send within the window. */
const mostWrong = 20;
/** Addresses that are remembered; beyond it the oldest are forgotten. */
const mostAddresses = 10_000;

/** Counts wrong challenges by address, in this process. */
export interface WrongChallenges {
  /** Whether an address has sent too many lately. */
  tooMany(address: string): boolean;
  count(address: string): void;
}

/**
 * A challenge of the settings may be short enough to be guessed; those of invitations are not. So
 * after too many wrong ones an address gets the former no more for a while, and still the latter: a
 * school behind one address is not locked out by one misconfigured device.
 */
export function countWrongChallenges(clock: Clock): WrongChallenges {
  const counts = new Map<string, { since: number; wrong: number }>();
  const current = (address: string) => {
    const known = counts.get(address);
    return known !== undefined && clock.now().getTime() - known.since < windowMs ? known : null;
  };
  return {
    tooMany: (address) => (current(address)?.wrong ?? 0) >= mostWrong,
    count(address) {
      const known = current(address);
      if (known !== null) {
        known.wrong += 1;
        return;
      }
      counts.delete(address);
      counts.set(address, { since: clock.now().getTime(), wrong: 1 });
      const [oldest] = counts.keys();
      if (counts.size > mostAddresses && oldest !== undefined) counts.delete(oldest);
    },
  };
}
