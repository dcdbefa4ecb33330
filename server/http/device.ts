import type { Context } from 'koa';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { Refusal } from '../model/refusal.ts';
import { traceIdFrom } from '../model/trace.ts';
import { Unenroll, type UnenrollAnswer } from '../model/unenroll.ts';
import type { Clock } from '../model/clock.ts';
import type { Arrival } from '../mdm/check-in/message.ts';
import { type CheckInReply, plistReply } from '../mdm/check-in/reply.ts';
import { readBody } from './body.ts';
import type { Identify } from './identify.ts';
import { plainError } from './plain-error.ts';

/** Apple's documents: check-ins carry this type, everything else on the ServerURL is a report. */
const checkInType = 'application/x-apple-aspen-mdm-checkin';

/** A device's messages are small; results of inventory commands reach a few MiB. */
const bodyLimit = 10 * 1024 * 1024;

/** Shows a device's message, or what it was answered with (the message comes along to tell what). */
export type Dump = (what: {
  readonly traceId: string;
  readonly direction: 'in' | 'out';
  readonly kind: 'check-in' | 'report';
  readonly message: Buffer;
  readonly answer?: { readonly status: number; readonly body: Buffer };
}) => void;

export interface DeviceRouteOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly identify: Identify;
  /** What this path takes: both, told apart by their Content-Type, or one of them whatever it says. */
  readonly takes: 'both' | 'check-ins' | 'reports';
  /** Shown every message and its answer, when the operator wants to see them. */
  readonly dump: Dump | null;
  /** @returns the reply, or null for an empty 200 */
  readonly takeCheckIn: (arrival: Arrival) => Promise<CheckInReply | null>;
  /** @returns the next command's bytes, or null for an empty 200 */
  readonly takeReport: (arrival: Arrival) => Promise<Buffer | null>;
  /** Whether an error means that the database is away for now. */
  readonly isUnavailable: (error: unknown) => boolean;
}

/**
 * The ServerURL: check-ins by their Content-Type, everything else as a report.
 *
 * It answers 200, or 400, 409, 410, 413, 500, 502, 503, and never a redirect. A device
 * un-enrols on 401, or 403 with Apple's code: only one that is to un-enrol is answered so.
 */
export function deviceRoute(options: DeviceRouteOptions): (ctx: Context) => Promise<void> {
  const { clock, log, metrics } = options;
  const requests = metrics.counter(
    'graphmdm_device_requests_total',
    'Messages from devices by kind and status',
    ['kind', 'status'],
  );
  const seconds = metrics.histogram(
    'graphmdm_device_request_seconds',
    'Time from the head of a device message to its answer',
    ['kind'],
  );

  return (ctx) => {
    const { headers } = ctx.req;
    const traceparent = headers['traceparent'];
    const traceId = traceIdFrom(typeof traceparent === 'string' ? traceparent : undefined);
    const isCheckIn =
      options.takes === 'check-ins' ||
      (options.takes === 'both' && headers['content-type']?.startsWith(checkInType) === true);
    return take(ctx, isCheckIn ? 'check-in' : 'report', traceId);
  };

  async function take(ctx: Context, kind: 'check-in' | 'report', traceId: string): Promise<void> {
    const started = performance.now();
    try {
      const body = await readBody(ctx.req, bodyLimit);
      options.dump?.({ traceId, direction: 'in', kind, message: body });
      const at = clock.now();
      const certificate = options.identify.certificate(ctx, body, at);
      const arrival: Arrival = { body, certificate, at, traceId, urlParams: firstValues(ctx) };
      const reply =
        kind === 'check-in'
          ? await options.takeCheckIn(arrival)
          : commandReply(await options.takeReport(arrival));
      answer(ctx, reply);
      options.dump?.({
        traceId,
        direction: 'out',
        kind,
        message: body,
        answer: { status: ctx.status, body: reply?.body ?? Buffer.alloc(0) },
      });
    } catch (error) {
      refuse(ctx, error, traceId);
    }
    requests({ kind, status: String(ctx.status) });
    seconds((performance.now() - started) / 1000, { kind });
  }

  function refuse(ctx: Context, error: unknown, traceId: string): void {
    const { path } = ctx;
    if (error instanceof Unenroll) {
      log.warn({ traceId, answer: error.answer, path }, error.message);
      tellToUnenroll(ctx, error.answer);
      return;
    }
    if (error instanceof Refusal) {
      const fields = { reason: error.code, status: error.status, addr: ctx.ip, path };
      log.warn({ traceId, ...fields }, `device refused: ${error.message}`);
      plainError(ctx, error.status);
      if (error.status === 413 || error.status === 503) ctx.set('Connection', 'close');
      if (error.status === 503) ctx.set('Retry-After', '30');
      return;
    }
    if (options.isUnavailable(error)) {
      log.error({ traceId, err: error, path }, 'device turned away: the database is not available');
      plainError(ctx, 503);
      ctx.set('Retry-After', '30');
      return;
    }
    log.error({ traceId, err: error, path }, 'device message failed');
    plainError(ctx, 500);
  }
}

/** Apple, `mdm/errors/unrecognized.device.yaml`; systems before it know 401 only. */
function tellToUnenroll(ctx: Context, answer: UnenrollAnswer): void {
  if (answer === 'UNAUTHORIZED') {
    plainError(ctx, 401);
    return;
  }
  ctx.status = 403;
  ctx.body = { code: 'com.apple.unrecognized.device' };
}

function commandReply(command: Buffer | null): CheckInReply | null {
  return command === null ? null : plistReply(command);
}

/** By hand: Koa's setters would cost as much as all the rest of an empty answer. */
function answer(ctx: Context, reply: CheckInReply | null): void {
  const { res } = ctx;
  const length = reply?.body.length ?? 0;
  const type = reply?.contentType ?? null;
  ctx.respond = false;
  res.writeHead(
    reply?.status ?? 200,
    type === null
      ? { 'Content-Length': length }
      : { 'Content-Type': type, 'Content-Length': length },
  );
  if (length > 0) res.end(reply?.body);
  else res.end();
}

function firstValues(ctx: Context): Readonly<Record<string, string>> | null {
  if (ctx.querystring === '') return null;
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(ctx.querystring)) {
    if (!Object.hasOwn(values, name)) values[name] = value;
  }
  return values;
}
