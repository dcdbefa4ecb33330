/**
 * Lets callers share one read without any of them getting an answer that is older than its call:
 * who comes while a read runs gets the next one, together with all others who came meanwhile.
 */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | null = null;
  let next: Promise<T> | null = null;

  function start(): Promise<T> {
    const started = read().finally(() => {
      current = null;
    });
    current = started;
    return started;
  }

  return () => {
    if (current === null) return start();
    next ??= current.then(ignore, ignore).then(() => {
      next = null;
      return start();
    });
    return next;
  };
}

function ignore(): void {}
