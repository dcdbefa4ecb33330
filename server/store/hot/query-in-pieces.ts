import { type Connection, type Pool, Query, type QueryResult, type QueryResultRow } from 'pg';

/** The messages of PostgreSQL's protocol that this knows begin with this letter: Bind. */
const bindCode = 0x42;
/** How Bind ends when its last value is empty: its length, and that results are wanted as text. */
const emptyEnd = Buffer.of(0, 0, 0, 0, 0, 1, 0, 0);

/**
 * Runs a named statement whose last value is long and comes in pieces; they go to the connection as they
 * are. `pg` copies each value into a message of its own, and for half a megabyte the copy costs less
 * than the garbage that it leaves.
 * @param values  all but the last
 * @param pieces  the last value, a `bytea`; may be released when the promise is fulfilled, not when it
 *   is rejected: they may still be on their way then
 */
export async function queryInPieces<Row extends QueryResultRow>(
  pool: Pool,
  { name, text, values }: { name: string; text: string; values: readonly unknown[] },
  pieces: readonly Buffer[],
): Promise<readonly Row[]> {
  const query = new Query<Row>({ name, text, values: [...values, Buffer.alloc(0)] });
  const submit = query.submit;
  query.submit = (connection) => submit.call(query, inPieces(connection, pieces));
  // A pool gives a promise for every kind of query; `pg`'s types know it of its own kind only.
  const result = pool.query(query) as unknown as Promise<QueryResult<Row>>;
  return (await result).rows;
}

/** A connection that writes Bind with the pieces in place of its last value. */
function inPieces(connection: Connection, pieces: readonly Buffer[]): Connection {
  const { stream } = connection;
  const own: Pick<typeof stream, 'writable' | 'cork' | 'uncork'> & {
    write(message: Buffer): boolean;
  } = {
    get writable() {
      return stream.writable;
    },
    cork: () => stream.cork(),
    uncork: () => stream.uncork(),
    write(message) {
      if (message[0] !== bindCode) return stream.write(message);
      for (const part of splice(message, pieces)) stream.write(part);
      return true;
    },
  };
  return Object.create(connection, { stream: { value: own } });
}

function splice(message: Buffer, pieces: readonly Buffer[]): readonly Buffer[] {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const at = message.length - emptyEnd.length;
  if (!message.subarray(at).equals(emptyEnd)) throw new Error('Bind is not as it was expected');
  message.writeInt32BE(message.readInt32BE(1) + size, 1);
  message.writeInt32BE(size, at);
  return [message.subarray(0, at + 4), ...pieces, message.subarray(at + 4)].filter(
    ({ length }) => length > 0,
  );
}
