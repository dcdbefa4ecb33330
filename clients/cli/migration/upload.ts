import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { graphql } from '../../../generated/gql/gql.ts';
import { graphUrl } from '../../sdk/url.ts';
import type { Call } from '../command.ts';
import { done } from '../confirm.ts';
import { Failure } from '../failure.ts';

const createUpload = graphql(`
  mutation CliCreateUpload($input: CreateUploadInput!) {
    createUpload(input: $input) {
      __typename
      ... on CreateUploadPayload {
        uploadId
        url
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

/** Gathers lines to pieces of about this size, which the network likes better. */
const piece = 64 * 1024;

/**
 * Sends a file of lines, compressed, as it is made: memory holds a piece of it. When the lines fail, or the
 * user stops, the file does not arrive whole, and nothing of it is used.
 * @returns the upload's id
 * @throws {Failure} the server does not take it
 */
export async function upload(
  { io, connect, server }: Pick<Call, 'io' | 'connect' | 'server'>,
  lines: AsyncIterable<string | Uint8Array>,
): Promise<string> {
  const { url: at, token } = server();
  const made = await connect().mutate(createUpload, { input: {} }, { signal: io.interrupted });
  const { uploadId, url } = done(made.createUpload);
  const target = new URL(url, graphUrl(at));
  const sent = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Encoding': 'gzip' },
    signal: io.interrupted,
  });
  const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
    sent.once('error', reject);
    const closed = () => reject(new Error('The server did not answer the upload.'));
    sent.once('close', closed);
    sent.once('response', (response) => {
      sent.off('close', closed);
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
  });
  // Refused early, the server closes while there is more to send: its answer says why, not the cut.
  const sending = pipeline(Readable.from(pieces(lines), { objectMode: false }), createGzip(), sent);
  const [cut, answer] = await Promise.allSettled([sending, answered]);
  if (answer.status === 'fulfilled' && answer.value.status !== 200)
    throw refusal(answer.value.body);
  if (cut.status === 'rejected') throw cut.reason;
  if (answer.status === 'rejected') throw answer.reason;
  return uploadId;
}

async function* pieces(lines: AsyncIterable<string | Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const line of lines) {
    const bytes = Buffer.from(line);
    parts.push(bytes);
    size += bytes.length;
    if (size < piece) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts);
}

function refusal(body: string): Failure {
  try {
    const { code, message, line } = Object(JSON.parse(body)) as Readonly<Record<string, unknown>>;
    const where = typeof line === 'number' ? ` (line ${line})` : '';
    return new Failure(String(code), `${String(message)}${where}`);
  } catch {
    return new Failure('UPLOAD_REFUSED', 'The server does not take the file.');
  }
}
