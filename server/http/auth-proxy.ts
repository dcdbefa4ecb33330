import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http';
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
      let bytes: Buffer | null = null;
      let enrollment: string | null;
      const path = pathBelow(ctx.url);
      try {
        if (path === null) throw new Refusal(400, 'bad-path', 'the path leaves the target');
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
      const headers = requestHeaders(ctx, options.target, enrollment, traceId);
      await forward(ctx, body, path ?? '/', { ...headers, ...framing(ctx.req, bytes) });
    });
  };

  function refuse(ctx: Context, error: unknown): void {
    if (error instanceof Refusal) {
      log.warn({ reason: error.code, path: ctx.path }, `proxied request refused: ${error.message}`);
      plainError(ctx, error.status);
      if (error.status === 413) ctx.set('Connection', 'close');
      return;
    }
    log.error({ err: error, path: ctx.path }, 'proxied request failed');
    const away = options.isUnavailable(error);
    plainError(ctx, away ? 503 : 500);
    if (away) ctx.set('Retry-After', '30');
  }

  async function forward(
    ctx: Context,
    body: Readable,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<void> {
    const { target } = options;
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const url = new URL(target.origin + target.pathname.replace(/\/$/, '') + path);
    ctx.respond = false;
    const outgoing = send(url, { method: ctx.method, headers });
    const incoming = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
    });
    ctx.res.once('close', () => outgoing.destroy());
    // Not `pipeline`: a target may answer before it has read all, and then the rest is only drained.
    body.once('error', (error) => outgoing.destroy(error));
    outgoing.once('close', () => body.unpipe(outgoing).resume());
    body.pipe(outgoing);
    try {
      const answer = await incoming;
      ctx.res.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.headers));
      ctx.res.flushHeaders();
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
  for (const name of Object.keys(headers)) if (isOurs(name)) delete headers[name];
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

/**
 * Headers that only this server may write, or that are meant for it. Many servers can not tell `_` from
 * `-` in a header's name (CGI's variables), so a device's `X_Enrollment_ID` would stand beside ours.
 */
function isOurs(name: string): boolean {
  const dashed = name.replaceAll('_', '-');
  return (
    /^(x-enrollment-.*|x-trace-id|mdm-signature|content-length)$/.test(dashed) ||
    (dashed === 'x-forwarded-for' && dashed !== name)
  );
}

/**
 * How the target learns where the body ends. By what was received, never by the device's word alone:
 * a body without framing would be read as the next request of the connection.
 * @param bytes the body, if it was read already
 */
function framing(request: IncomingMessage, bytes: Buffer | null): OutgoingHttpHeaders {
  const length = request.headers['content-length'];
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (length === undefined && !chunked) return {};
  if (bytes !== null) return { 'content-length': bytes.length };
  return chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': length };
}

/** Without what is about the connection, by name or by being named in `Connection`. */
function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set(
    (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()),
  );
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

/**
 * The path and query below the prefix, or null when it has not the prefix (a request may also name a
 * whole URL) or a segment could lead out of the target's base, also after somebody has decoded it once
 * more.
 */
function pathBelow(url: string): string | null {
  if (!url.startsWith(authProxyPrefix)) return null;
  const path = url.slice(authProxyPrefix.length - 1);
  let [decoded = ''] = path.split(/[?#]/, 1);
  for (let round = 0; round < 3; round++) {
    // By bytes: one that is no UTF-8 must not hide the rest. C0 and C1 begin overlong forms only.
    decoded = decoded.replace(/%([\da-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (/[\\\xc0\xc1]/.test(decoded) || Array.from(decoded).some((one) => one < ' ')) return null;
    // Some servers take what follows a `;` for parameters of the segment.
    const segments = decoded.split('/').map((segment) => segment.split(';', 1)[0]);
    if (segments.includes('.') || segments.includes('..')) return null;
  }
  return path;
}
