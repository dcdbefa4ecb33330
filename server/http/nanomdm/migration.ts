import type { CheckInReply } from '../../mdm/check-in/reply.ts';
import type { Log } from '../../model/log.ts';
import { Refusal } from '../../model/refusal.ts';
import type { Handler } from '../app.ts';
import { readBody } from '../body.ts';
import { plainError } from '../plain-error.ts';

/** Bytes of a check-in message; none comes near. */
const bodyLimit = 16 * 1024 * 1024;

/**
 * NanoMDM's `/migration`: any method and Content-Type, a check-in message as the body. Its tools look at
 * nothing but whether the answer is 200.
 */
export function migrationRoute(options: {
  readonly take: (body: Buffer) => Promise<CheckInReply | null>;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
}): Handler {
  return async (ctx) => {
    try {
      const reply = await options.take(await readBody(ctx.req, bodyLimit));
      ctx.status = reply?.status ?? 200;
      ctx.body = reply?.body ?? Buffer.alloc(0);
      ctx.remove('Content-Type');
      if (reply?.contentType) ctx.set('Content-Type', reply.contentType);
    } catch (error) {
      if (error instanceof Refusal) {
        options.log.warn({ code: error.code, reason: error.message }, 'not migrated');
        return plainError(ctx, error.status);
      }
      options.log.error({ err: error }, 'a migrated message failed');
      plainError(ctx, options.isUnavailable(error) ? 503 : 500);
    }
  };
}
