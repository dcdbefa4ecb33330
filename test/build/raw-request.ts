import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import {
  type Identity,
  type SignatureStyle,
  signMessage,
} from '../../clients/simulator/identity.ts';

/** An HTTP answer, whole. */
export interface RawReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RawRequest {
  readonly url: string;
  /** @default 'PUT' */
  readonly method?: string;
  /** Sent as written: not made clean as a URL would be. @default the path of `url` */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Each part is a chunk of its own. */
  readonly body?: Buffer | readonly Buffer[];
  readonly agent?: Agent;
}

/** The Content-Type of check-ins. */
export const checkInType = 'application/x-apple-aspen-mdm-checkin';

/** A signature of `body` as the header that carries it. */
export function signedBy(
  identity: Identity,
  body: Buffer,
  style: SignatureStyle = 'apple',
): Readonly<Record<string, string>> {
  return { 'Mdm-Signature': signMessage(identity, body, style).toString('base64') };
}

/** Sends what no well-behaved device would. A list of parts is sent chunked, one buffer declared. */
export function sendRaw(options: RawRequest): Promise<RawReply> {
  const { url, method = 'PUT', headers = {}, body = Buffer.alloc(0), agent } = options;
  const whole = Buffer.isBuffer(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        ...(options.path !== undefined && { path: options.path }),
        agent: agent ?? new Agent({ keepAlive: false }),
        headers: { ...headers, ...(whole ? { 'Content-Length': String(body.length) } : {}) },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headers: answered } = response;
          resolve({ status: statusCode, headers: answered, body: Buffer.concat(parts) });
        });
      },
    );
    sent.on('error', reject);
    if (whole) sent.end(body);
    else {
      for (const part of body) sent.write(part);
      sent.end();
    }
  });
}
