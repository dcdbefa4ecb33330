import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** A server's answer, with the time from the start of the request to its last byte. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly milliseconds: number;
}

export interface Post {
  readonly url: URL;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends one request. Rejects when there is no answer, or none in time. */
export type Send = (post: Post) => Promise<Reply>;

export interface SenderOptions {
  /** Connections held at once. @default 64 */
  readonly connections?: number;
  /** How long a server may stay silent, in milliseconds. @default 30,000 */
  readonly timeout?: number;
  /** PEM of who is trusted for https beside the system's own list. */
  readonly trusted?: string;
}

export interface Sender {
  readonly send: Send;
  /** Closes the kept-alive connections. */
  readonly close: () => void;
}

/** A sender of raw requests over kept-alive connections. */
export function createSender(options: SenderOptions = {}): Sender {
  const { connections = 64, timeout = 30_000, trusted } = options;
  const settings = { keepAlive: true, maxSockets: connections };
  const plain = new HttpAgent(settings);
  const tls = new HttpsAgent({ ...settings, ...(trusted !== undefined && { ca: trusted }) });

  const send: Send = ({ url, contentType, headers, body }) =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const secure = url.protocol === 'https:';
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: 'PUT',
        agent: secure ? tls : plain,
        timeout,
        headers: {
          ...headers,
          'Content-Type': contentType,
          'Content-Length': body.length,
          'User-Agent': 'MDM/1.0',
        },
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout} ms`)));
      request.on('error', reject);
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers['content-type'] ?? '',
            body: Buffer.concat(parts),
            milliseconds: performance.now() - started,
          });
        });
      });
      request.end(body);
    });

  return {
    send,
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
}
