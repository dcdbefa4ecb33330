import { timingSafeEqual } from 'node:crypto';
import type {
  DeclarativeRequest,
  DeclarativeUpstream,
} from '../mdm/check-in/declarative-management.ts';
import type { Log } from '../model/log.ts';
import { Refusal } from '../model/refusal.ts';
import { enrollmentHeaders, hmacSignature } from './enrollment-headers.ts';

export interface DmUpstreamOptions {
  /** What `Endpoint` is resolved against, as NanoMDM's `-dm`: it usually ends with a slash. */
  readonly base: URL;
  /** Signs what is sent. */
  readonly sendHmacKey: string | null;
  /** Demands that answers are signed. */
  readonly receiveHmacKey: string | null;
  /** Milliseconds that the upstream may take for the whole of its answer. @default 30000 */
  readonly timeout?: number;
  readonly log: Log;
}

/**
 * Forwards declarative-management requests to a server of the operator's (NanoMDM's `-dm`). Only a 200
 * reaches the device as it is, and a 404 for a single declaration, which the device then removes. All
 * else is the upstream's trouble, not the device's: 502.
 */
export function createDmUpstream(options: DmUpstreamOptions): DeclarativeUpstream {
  const { base, sendHmacKey, receiveHmacKey, timeout = 30_000, log } = options;

  async function ask(request: DeclarativeRequest): Promise<Response> {
    const body = request.data ?? Buffer.alloc(0);
    const headers: Record<string, string> = {
      ...enrollmentHeaders(request.enrollment),
      'X-Trace-ID': request.traceId,
    };
    if (request.data !== null) headers['Content-Type'] = 'application/json';
    if (sendHmacKey !== null) headers['X-Hmac-Signature'] = hmacSignature(sendHmacKey, body);
    return fetch(endpointUrl(base, request.endpoint), {
      method: request.data === null ? 'GET' : 'PUT',
      headers,
      body: request.data === null ? null : new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    });
  }

  return async (request) => {
    const { traceId, endpoint, enrollment } = request;
    const fields = { traceId, endpoint, enrollment: enrollment.id };
    let response: Response;
    let body: Buffer;
    try {
      response = await ask(request);
      body = Buffer.from(await response.arrayBuffer());
    } catch (error) {
      log.error({ err: error, ...fields }, 'declarative-management upstream did not answer');
      throw new Refusal(
        502,
        'dm-unreachable',
        'the declarative-management upstream did not answer',
      );
    }
    const { status } = response;
    if (status !== 200 && !(status === 404 && request.endpoint.startsWith('declaration/'))) {
      log.error({ status, ...fields }, 'declarative-management upstream refused');
      throw new Refusal(
        502,
        'dm-refused',
        `the declarative-management upstream answered ${status}`,
      );
    }
    if (receiveHmacKey !== null) demandSignature(response, body, receiveHmacKey);
    if (status === 200 && body.length === 0) return null;
    return { status, contentType: response.headers.get('Content-Type'), body };
  };
}

function demandSignature(response: Response, body: Buffer, key: string): void {
  const wanted = Buffer.from(hmacSignature(key, body));
  const given = Buffer.from(response.headers.get('X-Hmac-Signature') ?? '');
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new Refusal(
      502,
      'dm-hmac',
      "the upstream's answer is not signed with --dm-recv-hmac-key",
    );
  }
}

/**
 * The endpoint under the base, and never elsewhere: its characters are escaped, so that an identifier
 * with `?`, `#` or `//` stays a path.
 */
function endpointUrl(base: URL, endpoint: string): URL {
  const path = endpoint.split('/').map(encodeURIComponent).join('/');
  return new URL(`./${path}`, base);
}
