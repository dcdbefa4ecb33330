import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { Context } from 'koa';
import type { Access } from '../access/access.ts';
import { Unauthenticated } from '../access/unauthenticated.ts';
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
import { uploadPrefix } from '../mdm/uploads/create.ts';
import { UploadProblem } from '../mdm/uploads/lines.ts';
import type { ReceivedUpload } from '../mdm/uploads/receive.ts';
import type { Handler } from './app.ts';

/** A body that has stood still for so long is cut, in milliseconds. */
const patience = 120_000;

export interface UploadsOptions {
  readonly access: Pick<Access, 'viewerOf'>;
  readonly receive: (
    viewer: Viewer,
    uploadId: string,
    chunks: AsyncIterable<Buffer>,
  ) => Promise<ReceivedUpload>;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
}

/**
 * `PUT /uploads/<id>`: a file of lines, plain or with `Content-Encoding: gzip`, read as it arrives. The
 * answer is JSON: what was taken, or `code` and `message` (and `line`) of what is wrong.
 */
export function uploadRoute(options: UploadsOptions): Handler {
  const { access, log } = options;

  async function take(ctx: Context): Promise<void> {
    const viewer = await access.viewerOf(ctx.get('Authorization'));
    if (ctx.method !== 'PUT') {
      ctx.set('Allow', 'PUT');
      return answer(ctx, 405, { code: 'METHOD', message: 'Send the file with PUT.' });
    }
    const encoding = ctx.get('Content-Encoding').toLowerCase();
    if (!['', 'identity', 'gzip'].includes(encoding)) {
      return answer(ctx, 415, {
        code: 'CONTENT_ENCODING',
        message: 'Send the file as it is, or with Content-Encoding: gzip.',
      });
    }
    const id = ctx.path.slice(uploadPrefix.length).toLowerCase();
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)) {
      throw new NotFoundError('UNKNOWN_UPLOAD', 'This token has no upload with this id.');
    }
    const received = await options.receive(viewer, id, bodyOf(ctx.req, encoding === 'gzip'));
    answer(ctx, 200, received);
  }

  return async (ctx) => {
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    await withTraceId(traceId, async () => {
      try {
        await take(ctx);
      } catch (error) {
        refuse(ctx, error);
      }
    });
  };

  function refuse(ctx: Context, error: unknown): void {
    // What was not read of the body would be taken for the next request.
    ctx.set('Connection', 'close');
    if (error instanceof Unauthenticated) {
      ctx.set('WWW-Authenticate', 'Bearer');
      return answer(ctx, 401, { code: 'UNAUTHENTICATED', message: error.message });
    }
    if (error instanceof UploadProblem) {
      const { code, message, line } = error;
      return answer(ctx, code === 'LINE_TOO_LONG' ? 413 : 400, { code, message, line });
    }
    if (error instanceof UserError) {
      return answer(ctx, statusOf(error), { code: error.code, message: error.message });
    }
    log.error({ err: error }, 'an upload failed');
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
  return error instanceof ValidationError && error.code.endsWith('EXPIRED') ? 410 : 400;
}

function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = `${JSON.stringify(body)}\n`;
}

/** The body's bytes as they come; rejects when it ends before its time. */
async function* bodyOf(request: IncomingMessage, gzip: boolean): AsyncGenerator<Buffer> {
  request.setTimeout(patience, () => request.destroy());
  if (!gzip) {
    yield* chunksOf(request);
    return;
  }
  const gunzip = createGunzip();
  request.once('error', (error) => gunzip.destroy(error));
  request.once('aborted', () => gunzip.destroy(new Error('aborted')));
  yield* chunksOf(request.pipe(gunzip));
}

async function* chunksOf(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    if (Buffer.isBuffer(chunk)) yield chunk;
  }
}
