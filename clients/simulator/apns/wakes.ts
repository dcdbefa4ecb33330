import type { ReceivedPush } from './checks.ts';

/** What a push can wake: a device, or a user's channel. */
export interface Wakeable {
  readonly pushToken: Buffer;
  readonly pushMagic: string;
}

/**
 * Wakes simulated devices by push alone, as real ones are.
 *
 * A device that is busy is not called twice at once: a push that comes meanwhile makes it ask once more
 * afterwards. One whose PushMagic differs sleeps on, as Apple's clients do.
 * @param all  everything that can be woken; asked again for a token that is not known yet
 * @param connect  lets one ask for its commands
 * @param failed  told why it did not succeed
 * @returns what the stand-in tells its pushes to
 */
export function wakeOnPush<T extends Wakeable>(
  all: () => Iterable<T>,
  connect: (one: T) => Promise<unknown>,
  failed: (one: T, error: unknown) => void,
): (push: ReceivedPush) => void {
  const byToken = new Map<string, T>();
  const again = new Map<T, boolean>();

  function find(token: string): T | undefined {
    const known = byToken.get(token);
    if (known?.pushToken.toString('hex') === token) return known;
    // Tokens change when a device enrols anew.
    byToken.clear();
    for (const one of all()) byToken.set(one.pushToken.toString('hex'), one);
    return byToken.get(token);
  }

  async function wake(one: T): Promise<void> {
    do {
      again.set(one, false);
      try {
        await connect(one);
      } catch (error) {
        failed(one, error);
      }
    } while (again.get(one));
    again.delete(one);
  }

  return ({ token, magic }) => {
    const one = find(token);
    if (one === undefined || one.pushMagic !== magic) return;
    if (again.has(one)) again.set(one, true);
    else void wake(one);
  };
}
