import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import { Refusal } from '../model/refusal.ts';

/**
 * Bytes that bodies may hold in memory together: nobody has proved who he is before his body is read.
 */
const budget = 512 * 1024 * 1024;
let held = 0;

/**
 * Reads a request's body exactly as the wire had it: signatures are over these bytes, so nothing is
 * decoded or inflated.
 * @param limit bytes at most
 * @throws {Refusal} 413 above the limit (declared or not), 400 when the client goes away midway,
 *   503 when the bodies being read hold too much memory already
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const length = request.headers['content-length'];
  const mayHold = Math.min(Number(length ?? limit) || limit, limit);
  if (held + mayHold > budget) {
    throw new Refusal(503, 'too-many-bodies', 'the bodies being read hold too much memory');
  }
  held += mayHold;
  try {
    return await getRawBody(request, length === undefined ? { limit } : { limit, length });
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') {
      await drain(request);
      throw new Refusal(413, 'too-large', `the body is larger than ${limit} bytes`);
    }
    throw new Refusal(400, 'body-cut-short', 'the body did not arrive whole');
  } finally {
    held -= mayHold;
  }
}

/**
 * Throws the rest of a body away, for a moment: closing while more is coming resets the connection, and
 * the answer may be lost with it.
 */
function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 3_000);
    request.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    request.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    request.resume();
  });
}
