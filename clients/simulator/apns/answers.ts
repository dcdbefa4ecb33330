import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Reason } from './reasons.ts';
import { documentedReasons, statusOf } from './reasons.ts';
import type { Move } from './script.ts';

/** The request's body; what came of it if the stream broke. */
export function collect(stream: ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('close', () => resolve(Buffer.concat(chunks)));
  });
}

/** 200 with the id of the push, and no body. */
export function answerAccepted(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'apns-id': idOf(headers) }, { endStream: true });
}

/** The status and the JSON with Apple's reason. */
export function answerRefused(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  move: Extract<Move, { do: 'refuse' }>,
): void {
  if (stream.destroyed) return;
  const { reason, timestamp, retryAfter } = move;
  const status = move.status ?? (isDocumented(reason) ? statusOf(reason) : 400);
  const since = status === 410 ? (timestamp ?? new Date()) : timestamp;
  stream.respond({
    ':status': status,
    'apns-id': idOf(headers),
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
  });
  stream.end(move.body ?? JSON.stringify({ reason, ...(since && { timestamp: since.getTime() }) }));
}

function isDocumented(reason: string): reason is Reason {
  return documentedReasons.some(([, known]) => known === reason);
}

function idOf(headers: IncomingHttpHeaders): string {
  const id = headers['apns-id'];
  return typeof id === 'string' ? id : randomUUID().toUpperCase();
}
