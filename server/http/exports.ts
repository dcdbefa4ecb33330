import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import type { Context } from 'koa';
import type { Access } from '../access/access.ts';
import { Unauthenticated } from '../access/unauthenticated.ts';
import { exportPrefix } from '../mdm/export/request.ts';
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  UserError,
  ValidationError,
} from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { traceIdFrom, withTraceId } from '../model/trace.ts';
import type { Viewer } from '../model/viewer.ts';
import type { Handler } from './app.ts';

const inflated = promisify(gunzip);

export interface ExportsOptions {
  readonly access: Pick<Access, 'viewerOf'>;
  /** @param jobId  null: what was asked for is no id. Each page is a whole gzip */
  readonly fetch: (viewer: Viewer, jobId: string | null) => Promise<AsyncGenerator<Buffer>>;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
}

/**
 * `GET /exports/<job id>`: the file of an export, lines of JSON, compressed for whoever takes gzip. A page
 * of it is held at a time, and the next is read when the caller has taken it.
 */
export function exportRoute(options: ExportsOptions): Handler {
  return async (ctx) => {
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    await withTraceId(traceId, async () => {
      try {
        await give(ctx);
      } catch (error) {
        refuse(ctx, error);
      }
    });
  };

  async function give(ctx: Context): Promise<void> {
    const viewer = await options.access.viewerOf(ctx.get('Authorization'));
    if (ctx.method !== 'GET') {
      ctx.set('Allow', 'GET');
      return answer(ctx, 405, { code: 'METHOD', message: 'Fetch the file with GET.' });
    }
    const id = ctx.path.slice(exportPrefix.length).toLowerCase();
    const isId = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id);
    const pages = await options.fetch(viewer, isId ? id : null);
    const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    ctx.status = 200;
    ctx.type = 'application/x-ndjson; charset=utf-8';
    ctx.set({
      'Cache-Control': 'no-store',
      Vary: 'Accept-Encoding',
      'Content-Disposition': `attachment; filename="enrollments-${id}.ndjson"`,
      ...(gzip && { 'Content-Encoding': 'gzip' }),
    });
    const lines = Readable.from(plain(pages), { objectMode: false, highWaterMark: 1 });
    // One gzip for all of it: not every client reads several, one behind the other.
    ctx.body = gzip ? pipeline(lines, createGzip(), () => {}) : lines;
  }

  function refuse(ctx: Context, error: unknown): void {
    if (error instanceof Unauthenticated) {
      ctx.set('WWW-Authenticate', 'Bearer');
      return answer(ctx, 401, { code: 'UNAUTHENTICATED', message: error.message });
    }
    if (error instanceof UserError) {
      return answer(ctx, statusOf(error), { code: error.code, message: error.message });
    }
    options.log.error({ err: error }, 'an export could not be fetched');
    const away = options.isUnavailable(error);
    if (away) ctx.set('Retry-After', '30');
    answer(ctx, away ? 503 : 500, {
      code: away ? 'UNAVAILABLE' : 'INTERNAL',
      message: away ? 'The database is away; try again later.' : 'An internal error; see the log.',
    });
  }
}

function statusOf(error: UserError): number {
  if (error instanceof ForbiddenError) return 403;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof ConflictError) return 409;
  return error instanceof ValidationError ? 410 : 400;
}

function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = `${JSON.stringify(body)}\n`;
}

async function* plain(pages: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for await (const page of pages) yield await inflated(page);
}
