import type { ClientBase, Connection } from 'pg';

type Told = (error: Error | null | undefined, result: unknown) => void;
type Query = (config: unknown, values: unknown, told: Told) => unknown;

/**
 * Gives a connection up that has not answered a statement for so long: PostgreSQL's own time-outs say nothing when
 * the road to it is cut without a word. Whoever waits is told `Query read timeout`.
 *
 * `pg`'s setting `query_timeout` does the same, at a price that is higher than it looks. Its callbacks, and those of
 * its promises, hold the statement that holds them, and on Node 20 nearly every result of such a statement outlives
 * the collections of young objects: 9 KB of a result of twenty rows became old. Nothing here holds the statement.
 * And there is one timer for each connection, not for each statement.
 * @param patience in milliseconds, unless a statement has a `query_timeout` of its own
 */
export function watchAnswers(client: ClientBase, patience: number): void {
  const query = client.query.bind(client) as unknown as Query;
  let waiting = 0;
  /** When the statement under way began to be waited for, and how long it may take. */
  let since = 0;
  let allowed = patience;
  let timer: NodeJS.Timeout | null = null;

  /** Those of the next statement may be shorter: it looks in time for that. */
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

  function begin(config: unknown): void {
    const own = ownPatience(config);
    if (waiting === 0) {
      since = performance.now();
      allowed = own ?? patience;
    } else if (own !== null) {
      allowed = Math.max(allowed, own);
    }
    waiting += 1;
    if (timer === null) setAlarm(allowed);
  }

  function ended(): void {
    waiting -= 1;
    since = performance.now();
  }

  function tell(config: unknown, values: unknown, told: Told): unknown {
    begin(config);
    return query(config, values, (error, result) => {
      ended();
      told(error, result);
    });
  }

  /** As `pg` takes them: with or without values, with a callback or for a promise. */
  function watched(config: unknown, values?: unknown, callback?: unknown): unknown {
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

function ownPatience(config: unknown): number | null {
  return typeof config === 'object' &&
    config !== null &&
    'query_timeout' in config &&
    typeof config.query_timeout === 'number'
    ? config.query_timeout
    : null;
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
