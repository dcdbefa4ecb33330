import type { Log } from './model/log.ts';

/** One thing to be stopped, in its turn. */
export interface Stop {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
  /** Milliseconds after which the next one's turn comes all the same. */
  readonly timeout: number;
}

/** Stops everything in order; one that fails or hangs does not keep the others from stopping. */
export async function shutDown(stops: readonly Stop[], log: Log): Promise<void> {
  for (const { name, stop, timeout } of stops) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, timeout, 'late');
    });
    try {
      const outcome = await Promise.race([Promise.resolve(stop()), late]);
      if (outcome === 'late') log.warn({ part: name, timeout }, 'did not stop in time');
    } catch (error) {
      log.error({ err: error, part: name }, 'did not stop cleanly');
    } finally {
      clearTimeout(timer);
    }
  }
}
