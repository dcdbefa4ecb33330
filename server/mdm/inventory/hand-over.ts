import type { Clock } from '../../model/clock.ts';
import { release } from '../../model/release.ts';

/**
 * Long answers that are kept for a moment where they came in: reading them back from the database, to
 * take inventory from them, costs more than all the rest of them.
 *
 * Nothing depends on it. Who does not find an answer here (another process took it, it was given too
 * late, or it had to make room) reads it from the database.
 */
export interface HandOver {
  /** Keeps a report's bytes if it is long, and not for long. Whoever takes them has them for himself. */
  give(enrollmentKey: string, commandUuid: string, body: Buffer): void;
  /** Takes a report's bytes away; null when they are not here. */
  take(enrollmentKey: bigint, commandUuid: string): Buffer | null;
}

/** Bytes from which an answer is handed over; shorter ones are read along with what else is known of them. */
export const longAnswer = 32 * 1024;

/** Opens a place of hand-over. */
export function createHandOver(options: {
  readonly clock: Clock;
  /** Bytes that are kept at most; the oldest make room. @default 32 MiB */
  readonly room?: number;
  /** How long an answer waits, in milliseconds. @default 10,000 */
  readonly patience?: number;
}): HandOver {
  const { clock, room = 32 * 1024 * 1024, patience = 10_000 } = options;
  /** In the order in which they came. */
  const kept = new Map<string, { readonly body: Buffer; readonly until: number }>();
  let held = 0;
  let isSweeping = false;

  function drop(key: string): Buffer | null {
    const found = kept.get(key);
    if (found === undefined) return null;
    kept.delete(key);
    held -= found.body.length;
    return found.body;
  }

  function letGo(key: string): void {
    const body = drop(key);
    if (body !== null) release(body);
  }

  function sweepLater(): void {
    if (isSweeping) return;
    isSweeping = true;
    clock.setTimer(patience, sweep);
  }

  function sweep(): void {
    isSweeping = false;
    const now = clock.now().getTime();
    for (const [key, { until }] of kept) {
      if (until > now) break;
      letGo(key);
    }
    if (kept.size > 0) sweepLater();
  }

  return {
    give(enrollmentKey, commandUuid, body) {
      if (body.length < longAnswer || body.length > room) return;
      const key = keyOf(enrollmentKey, commandUuid);
      letGo(key);
      for (const oldest of kept.keys()) {
        if (held + body.length <= room) break;
        letGo(oldest);
      }
      kept.set(key, { body, until: clock.now().getTime() + patience });
      held += body.length;
      sweepLater();
    },
    take: (enrollmentKey, commandUuid) => drop(keyOf(String(enrollmentKey), commandUuid)),
  };
}

function keyOf(enrollmentKey: string, commandUuid: string): string {
  return `${enrollmentKey} ${commandUuid}`;
}
