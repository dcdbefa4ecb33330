import { STATUS_CODES } from 'node:http';
import type { Context } from 'koa';

/** Answers with a status and its name only, as NanoMDM does: the reason goes to the log. */
export function plainError(ctx: Context, status: number): void {
  ctx.status = status;
  ctx.type = 'text/plain; charset=utf-8';
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.body = `${STATUS_CODES[status] ?? status}\n`;
}
