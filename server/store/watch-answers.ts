import type { ClientBase, Connection } from 'pg';

type Told = (error: Error | null | undefined, result: unknown) => void;
type Query = (config: unknown, values: unknown, told: Told) => unknown;

/**
 * Gives a connection up that has not answered a statement for so long: PostgreSQL's own time-outs say nothing when
 * the road to it is cut without a word. Whoever waits is told `Query read timeout`.
 *
 * `pg`'s setting `query_timeout` does the same, at a price that is higher than it looks. Its callbacks, and those of
 * its promises, refer to the `Query` that refers to them, and then nearly every result outlives V8's collections of
 * young objects (seen with Node 20 and 24: 9 KB for a result of twenty rows, 0.3 KB without). The callbacks made
 * here know no `Query`. And there is one timer for each connection, not for each statement.
 * @param patience in milliseconds; longer for a statement with a longer `query_timeout` of its own, which `pg`
 *   sees to
 */
export function watchAnswers(client: ClientBase, patience: number): void {
  const query = client.query.bind(client) as unknown as Query;
  let waiting = 0;
  /** When the statement under way began to be waited for, and how long it may take. */
  let since = 0;
  let allowed = patience;
  let timer: NodeJS.Timeout | null = null;

  /** Never longer than `patience`, so that a usual statement behind a longer one is looked at in time. */
  function setAlarm(ms: number): void {
    timer = setTimeout(look, Math.min(ms, patience)).unref();
  }

  function look(): void {
    timer = null;
    if (waiting === 0) return;
    const left = since + allowed - performance.now();
    if (left > 0) setAlarm(left);
    else streamOf(client).destroy(new Error('Query read timeout'));
  }

  /** @returns to be called when the statement has ended; `pg` may say so twice */
  function begin(config: unknown): () => void {
    if (waiting === 0) {
      since = performance.now();
      allowed = patience;
    }
    allowed = Math.max(allowed, ownPatience(config));
    waiting += 1;
    if (timer === null) setAlarm(patience);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      waiting -= 1;
      since = performance.now();
    };
  }

  function tell(config: unknown, values: unknown, told: Told): unknown {
    const end = begin(config);
    try {
      return query(config, values, (error, result) => {
        end();
        told(error, result);
      });
    } catch (error) {
      end();
      throw error;
    }
  }

  /** As `pg` takes them: with or without values, with a callback or for a promise. */
  function watched(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (tellsItself(config)) throw new TypeError('queries with a callback of their own: not here');
    if (isTold(values)) return tell(config, undefined, values);
    if (isTold(callback)) return tell(config, values, callback);
    const asked = new Promise((resolve, reject) => {
      tell(config, values, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
    return asked.catch(retrace);
  }

  client.query = watched as typeof client.query;
}

function isTold(value: unknown): value is Told {
  return typeof value === 'function';
}

/** Whether `pg` would tell somebody else than us: it takes what can submit itself as it is. */
function tellsItself(config: unknown): boolean {
  const itself = typeof config === 'object' && config !== null && 'submit' in config;
  return itself && 'callback' in config && isTold(config.callback);
}

function ownPatience(config: unknown): number {
  return typeof config === 'object' &&
    config !== null &&
    'query_timeout' in config &&
    typeof config.query_timeout === 'number'
    ? config.query_timeout
    : 0;
}

/** The connection's socket; `pg`'s types do not tell of it. */
function streamOf(client: ClientBase): Connection['stream'] {
  return (client as ClientBase & { readonly connection: Connection }).connection.stream;
}

/** What went wrong was asked for by whoever waits, not by the socket that brought the answer. */
function retrace(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}
