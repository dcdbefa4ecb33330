import type { Context } from 'koa';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { Refusal } from '../model/refusal.ts';
import { traceIdFrom, withTraceId } from '../model/trace.ts';
import { scepMessageLimit } from '../pki/scep-responder.ts';
import type { ScepAnswer, ScepResponder } from '../pki/scep-types.ts';
import { readBody } from './body.ts';
import { plainError } from './plain-error.ts';

/** Where SCEP is served; profiles name it. */
export const scepPath = '/scep';

const operations: ReadonlySet<string> = new Set(['GetCACaps', 'GetCACert', 'PKIOperation']);

export interface ScepRouteOptions {
  readonly respond: ScepResponder;
  readonly addressOf: (ctx: Context) => string;
  /** Whether an error means that the database is away for now. */
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * SCEP over HTTP (RFC 8894, 4): GET with the message in base64, or POST of the message as it is.
 * Refusals in the words of SCEP have status 200. No cache may keep any of it.
 */
export function scepRoute(options: ScepRouteOptions): (ctx: Context) => Promise<void> {
  const { respond, addressOf, isUnavailable, log, metrics } = options;
  const requests = metrics.counter(
    'graphmdm_scep_requests_total',
    'SCEP requests by operation and outcome',
    ['operation', 'outcome'],
  );
  const seconds = metrics.histogram(
    'graphmdm_scep_request_seconds',
    'Time from the head of a SCEP request to its answer',
    ['operation'],
  );

  return async (ctx) => {
    const started = performance.now();
    const query = new URLSearchParams(ctx.querystring);
    const asked = query.get('operation');
    const operation = asked !== null && operations.has(asked) ? asked : 'other';
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    const outcome = await withTraceId(traceId, async () => {
      try {
        if (ctx.method !== 'GET' && ctx.method !== 'POST') {
          ctx.set('Allow', 'GET, POST');
          plainError(ctx, 405);
          return 'error';
        }
        const message =
          ctx.method === 'POST' ? await readBody(ctx.req, scepMessageLimit) : query.get('message');
        const answer = await respond({ operation: asked, message, from: addressOf(ctx) });
        write(ctx, answer);
        return answer.failInfo ?? (answer.status === 200 ? 'ok' : 'error');
      } catch (error) {
        refuse(ctx, error);
        return 'error';
      }
    });
    ctx.set('Cache-Control', 'no-store');
    requests({ operation, outcome });
    seconds((performance.now() - started) / 1000, { operation });
  };

  function refuse(ctx: Context, error: unknown): void {
    if (error instanceof Refusal) {
      log.info(
        { reason: error.code, addr: addressOf(ctx) },
        `SCEP request refused: ${error.message}`,
      );
      plainError(ctx, error.status);
      if (error.status === 413) ctx.set('Connection', 'close');
      return;
    }
    if (isUnavailable(error)) {
      log.error({ err: error }, 'SCEP request turned away: the database is not available');
      plainError(ctx, 503);
      ctx.set('Retry-After', '30');
      return;
    }
    log.error({ err: error }, 'SCEP request failed');
    plainError(ctx, 500);
  }
}

function write(ctx: Context, { status, contentType, body }: ScepAnswer): void {
  ctx.status = status;
  ctx.set('Content-Type', contentType);
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.body = body;
}
