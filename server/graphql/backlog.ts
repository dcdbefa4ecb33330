import type { WebSocket } from 'ws';
import type { Clock } from '../model/clock.ts';

/** What may wait in memory for one socket, in bytes. */
const backlogAtMost = 1024 * 1024;
const lookEvery = 50;
const patience = 15_000;

/** Whether more waits for a socket's reader than may. */
export function isBehind({ bufferedAmount }: Pick<WebSocket, 'bufferedAmount'>): boolean {
  return bufferedAmount > backlogAtMost;
}

/**
 * Waits as long as a socket's reader is behind, so that nothing more is read for him.
 * @returns false when he did not catch up in time
 */
export async function waitUntilTaken(
  socket: Pick<WebSocket, 'bufferedAmount'>,
  clock: Clock,
): Promise<boolean> {
  const until = clock.now().getTime() + patience;
  while (isBehind(socket)) {
    if (clock.now().getTime() > until) return false;
    await new Promise<void>((resolve) => {
      clock.setTimer(lookEvery, resolve);
    });
  }
  return true;
}
