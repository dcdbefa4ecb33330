import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';

/** Remembers when tokens were used, and writes it once in a while. */
export interface LastUsed {
  /** Costs no statement. */
  used(tokenId: string): void;
  /** Writes what is not written yet. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

const writeEvery = 60_000;

/** @param write  writes for many tokens at once */
export function createLastUsed(parts: {
  readonly clock: Clock;
  readonly log: Log;
  readonly write: (used: ReadonlyMap<string, Date>) => Promise<void>;
}): LastUsed {
  const { clock, log, write } = parts;
  let waiting = new Map<string, Date>();
  let cancelTimer: (() => void) | null = null;

  async function flush(): Promise<void> {
    cancelTimer?.();
    cancelTimer = null;
    if (waiting.size === 0) return;
    const taken = waiting;
    waiting = new Map();
    try {
      await write(taken);
    } catch (error) {
      // It only helps people to find tokens that nobody uses: not worth another try.
      log.warn({ err: error }, 'when tokens were last used could not be written');
    }
  }

  return {
    used(tokenId) {
      waiting.set(tokenId, clock.now());
      cancelTimer ??= clock.setTimer(writeEvery, () => void flush());
    },
    flush,
    stop: flush,
  };
}
