import type { IncomingMessage } from 'node:http';
import getRawBody from 'raw-body';
import { Refusal } from '../model/refusal.ts';

/**
 * Reads a request's body exactly as the wire had it: signatures are over these bytes, so nothing is
 * decoded or inflated.
 * @param limit bytes at most
 * @throws {Refusal} 413 above the limit (declared or not), 400 when the client goes away midway
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const length = request.headers['content-length'];
  try {
    return await getRawBody(request, length === undefined ? { limit } : { limit, length });
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') {
      throw new Refusal(413, 'too-large', `the body is larger than ${limit} bytes`);
    }
    throw new Refusal(400, 'body-cut-short', 'the body did not arrive whole');
  }
}
