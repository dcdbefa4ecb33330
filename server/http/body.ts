import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import { Refusal } from '../model/refusal.ts';
import { release } from '../model/release.ts';

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
  const declared = request.headers['content-length'];
  const length = declared === undefined ? null : Number(declared);
  const mayHold = Math.min(length ?? limit, limit);
  if (held + mayHold > budget) {
    throw new Refusal(503, 'too-many-bodies', 'the bodies being read hold too much memory');
  }
  if (length !== null && length > limit) throw await tooLarge(request, limit);
  held += mayHold;
  try {
    return length === null
      ? await getRawBody(request, { limit })
      : await readDeclared(request, length);
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') throw await tooLarge(request, limit);
    throw new Refusal(400, 'body-cut-short', 'the body did not arrive whole');
  } finally {
    held -= mayHold;
  }
}

/**
 * A body whose length is known goes piece by piece to where it ends up; one that comes in one piece is
 * that piece. A piece's memory is given back when the next one is there: until then Node may look at it.
 */
function readDeclared(request: IncomingMessage, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let body: Buffer = Buffer.alloc(0);
    let copied: Buffer | null = null;
    let at = 0;
    let isWhole = false;
    // Every request closes, and an error's stack costs more than reading its body did.
    const cutShort = (): void => {
      if (!isWhole) reject(new Error('the client went away'));
    };
    if (request.destroyed) return cutShort();
    request.on('data', (piece: Buffer) => {
      if (copied !== null) release(copied);
      if (piece.length === length) {
        body = piece;
      } else {
        if (at === 0) body = Buffer.allocUnsafeSlow(length);
        piece.copy(body, at);
        copied = piece;
      }
      at += piece.length;
    });
    request.once('end', () => {
      if (copied !== null) release(copied);
      isWhole = at === length;
      if (isWhole) resolve(body);
      else cutShort();
    });
    request.once('error', cutShort);
    request.once('close', cutShort);
  });
}

async function tooLarge(request: IncomingMessage, limit: number): Promise<Refusal> {
  await drain(request);
  return new Refusal(413, 'too-large', `the body is larger than ${limit} bytes`);
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
