import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { constants } from 'node:http2';
import type { Clock } from '../model/clock.ts';
import type { Answer } from './answer.ts';
import type { PushRequest } from './push-request.ts';
import { bodyOf, headersOf } from './push-request.ts';

/** How a push's stream ended. */
export type StreamEnd =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** Apple never looked at it: it may go over another connection without being heard twice. */
  | { readonly kind: 'unprocessed' }
  /** It was sent, and there is no answer. */
  | { readonly kind: 'unknown'; readonly why: string };

/** Apple's answers are one short JSON object. */
const mostBody = 4096;

/** The type of a HEADERS frame (RFC 9113, 6.2). */
const headersFrame = 1;

/** Sends a push as a stream of the session and waits for its end, whatever that is. */
export function sendOn(
  http2: ClientHttp2Session,
  request: PushRequest,
  options: {
    readonly clock: Clock;
    /** Milliseconds until an answer must have come. */
    readonly within: number;
    /** The last stream that a GOAWAY says was or may be looked at; null before one came. */
    readonly lastStreamId: () => number | null;
  },
): Promise<StreamEnd> {
  let stream: ClientHttp2Stream;
  try {
    stream = http2.request(headersOf(request));
  } catch {
    // The session has just gone away: nothing was sent.
    return Promise.resolve({ kind: 'unprocessed' });
  }
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders | undefined;
    let status: number | undefined;
    let neverSent = false;
    let why = 'the connection was lost';
    let length = 0;
    const chunks: Buffer[] = [];
    const stopTimer = options.clock.setTimer(options.within, () => {
      why = `no answer within ${options.within / 1000} s`;
      stream.close(constants.NGHTTP2_CANCEL);
    });

    stream.once('response', (received) => {
      headers = received;
      status = received[':status'];
    });
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= mostBody) chunks.push(chunk);
    });
    stream.on('error', (error: Error) => {
      why = error.message;
    });
    // A GOAWAY that comes between our request() and its HEADERS leaves them unsent.
    stream.on('frameError', (type: number) => {
      neverSent ||= type === headersFrame;
    });
    stream.once('close', () => {
      stopTimer();
      if (status !== undefined && headers !== undefined) {
        resolve({ kind: 'answered', answer: { status, headers, body: Buffer.concat(chunks) } });
      } else if (neverSent || wasUnprocessed(stream, options.lastStreamId())) {
        resolve({ kind: 'unprocessed' });
      } else resolve({ kind: 'unknown', why });
    });
    stream.end(bodyOf(request));
  });
}

/** RFC 9113, 8.7: refused, or above the GOAWAY's last stream, or without a number yet. */
function wasUnprocessed(stream: ClientHttp2Stream, lastStreamId: number | null): boolean {
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined) return true;
  return lastStreamId !== null && stream.id > lastStreamId;
}
