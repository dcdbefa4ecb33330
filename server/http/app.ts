import Koa, { type Context } from 'koa';
import type { Log } from '../model/log.ts';

export type Handler = (ctx: Context) => Promise<void> | void;

/**
 * The HTTP application: exact paths to handlers, everything else 404. No prefix, no redirect: a
 * device must never be sent elsewhere, and `/mdm/` is not `/mdm`.
 * @param routes handlers by path
 * @param fallback asked for any other path; says whether it answered
 */
export function createApp(
  routes: ReadonlyMap<string, Handler>,
  log: Log,
  fallback: (ctx: Context) => Promise<boolean> | boolean = () => false,
): Koa {
  const app = new Koa();
  app.on('error', (error: unknown) => {
    if (hasHungUp(error)) log.debug({ err: error }, 'the client has gone');
    else log.error({ err: error }, 'request failed');
  });
  app.use((ctx) => {
    const handler = routes.get(ctx.path);
    return handler === undefined ? elsewhere(ctx) : handler(ctx);
  });
  return app;

  async function elsewhere(ctx: Context): Promise<void> {
    if (await fallback(ctx)) return;
    ctx.status = 404;
    ctx.type = 'text/plain; charset=utf-8';
    ctx.body = '404 page not found\n';
  }
}

/** A client that leaves in the middle of an answer, as subscribers do every day, is no failure of ours. */
function hasHungUp(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
