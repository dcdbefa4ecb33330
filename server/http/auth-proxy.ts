import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context } from 'koa';
import type { Clock } from '../model/clock.ts';
import type { VerifiedCertificate } from '../model/identity.ts';
import type { Log } from '../model/log.ts';
import { Refusal } from '../model/refusal.ts';
import { traceIdFrom, withTraceId } from '../model/trace.ts';
import { readBody } from './body.ts';
import type { Identify } from './identify.ts';
import { plainError } from './plain-error.ts';

/** Where proxied paths begin. */
export const authProxyPrefix = '/authproxy/';

const signedBodyLimit = 10 * 1024 * 1024;

/** RFC 9110, §7.6.1: these are about one connection, not about the message. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface AuthProxyOptions {
  readonly target: URL;
  readonly identify: Identify;
  /** The enrolment whose certificate this is, or null. */
  readonly enrollmentOf: (certificate: VerifiedCertificate) => Promise<string | null>;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Passes requests of enrolled devices on to a server of the operator's, which learns the enrolment
 * from `X-Enrollment-ID`. Bodies are streamed both ways, except that a signed one has to be read first.
 * What the target answers reaches the device unchanged: these are not the device's MDM requests.
 */
export function authProxy(options: AuthProxyOptions): (ctx: Context) => Promise<void> {
  const { identify, clock, log } = options;
  return (ctx) => {
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    return withTraceId(traceId, async () => {
      let body: Readable = ctx.req;
      let enrollment: string | null;
      const path = pathBelow(ctx.url.slice(authProxyPrefix.length - 1));
      try {
        if (path === null) throw new Refusal(400, 'bad-path', 'the path leaves the target');
        let bytes: Buffer | null = null;
        if (identify.needsBody) {
          bytes = await readBody(ctx.req, signedBodyLimit);
          body = Readable.from(bytes.length === 0 ? [] : [bytes]);
        }
        const certificate = identify.certificate(ctx, bytes ?? Buffer.alloc(0), clock.now());
        enrollment = await options.enrollmentOf(certificate);
      } catch (error) {
        refuse(ctx, error);
        return;
      }
      if (enrollment === null) {
        log.warn({ path: ctx.path }, 'proxied request of a certificate that is bound to no device');
        plainError(ctx, 400);
        ctx.body = 'Unauthorized\n';
        return;
      }
      await forward(ctx, body, path ?? '/', enrollment, traceId);
    });
  };

  function refuse(ctx: Context, error: unknown): void {
    if (error instanceof Refusal) {
      log.warn({ reason: error.code, path: ctx.path }, `proxied request refused: ${error.message}`);
      plainError(ctx, error.status);
      return;
    }
    log.error({ err: error, path: ctx.path }, 'proxied request failed');
    plainError(ctx, options.isUnavailable(error) ? 503 : 500);
  }

  async function forward(
    ctx: Context,
    body: Readable,
    path: string,
    enrollment: string,
    traceId: string,
  ): Promise<void> {
    const { target } = options;
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const url = new URL(target.href.replace(/\/?$/, '') + path);
    const headers = requestHeaders(ctx, target, enrollment, traceId);
    ctx.respond = false;
    const outgoing = send(url, { method: ctx.method, headers });
    const incoming = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    ctx.res.once('close', () => outgoing.destroy());
    try {
      const [answer] = await Promise.all([incoming, pipeline(body, outgoing)]);
      ctx.res.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.headers));
      await pipeline(answer, ctx.res);
    } catch (error) {
      log.error({ err: error, path: ctx.path }, 'the target of the authentication proxy failed');
      if (ctx.res.headersSent) ctx.res.destroy();
      else ctx.res.writeHead(502, { 'Content-Length': 0 }).end();
    }
  }
}

function requestHeaders(
  ctx: Context,
  target: URL,
  enrollment: string,
  traceId: string,
): Record<string, string | string[]> {
  const headers = endToEnd(ctx.req.headers);
  delete headers['mdm-signature'];
  const before = ctx.get('X-Forwarded-For');
  const address = ctx.req.socket.remoteAddress ?? '';
  return {
    ...headers,
    host: target.host,
    'x-enrollment-id': enrollment,
    'x-trace-id': traceId,
    'x-forwarded-for': before === '' ? address : `${before}, ${address}`,
  };
}

/** Without what is about the connection, by name or by being named in `Connection`. */
function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set(
    String(headers.connection ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

/**
 * The path and query below the prefix, or null when a segment could lead out of the target's base,
 * also after somebody has decoded it once more.
 */
function pathBelow(path: string): string | null {
  const [before = ''] = path.split(/[?#]/, 1);
  let decoded = before;
  for (let round = 0; round < 3; round++) {
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      break;
    }
    if (/\\|[\0-\x1f]/.test(decoded)) return null;
    if (decoded.split('/').some((part) => part === '.' || part === '..')) return null;
  }
  return path;
}
