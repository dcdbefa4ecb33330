import type { Context } from 'koa';
import type { EnqueuedEach } from '../../mdm/queue/enqueue-each.ts';
import type { PushedNow } from '../../mdm/push/push-now.ts';
import { UserError } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { Refusal } from '../../model/refusal.ts';
import type { Handler } from '../app.ts';
import { readBody } from '../body.ts';
import { type ApiResult, type IdResult, sendResult } from './answer.ts';
import { enqueuePrefix, idsOf, pushPrefix } from './ids.ts';

export interface CommandRoutesOptions {
  /** Queues a command for ids and pushes to none of them. */
  readonly enqueue: (ids: readonly string[], plist: Buffer) => Promise<EnqueuedEach>;
  /** Pushes and waits for Apple; on its own, or for a command that was just queued. */
  readonly push: (
    ids: readonly string[],
    why: 'asked' | 'enqueued',
  ) => Promise<ReadonlyMap<string, PushedNow>>;
  /** Bytes of a command at most. */
  readonly bodyLimit: number;
  readonly log: Log;
}

/**
 * `/v1/push/<ids>` and `/v1/enqueue/<ids>`, by any method: known tools send GET with a body. What goes
 * wrong is always a 500 with JSON, because those tools take every other status for success.
 */
export function commandRoutes(options: CommandRoutesOptions): {
  readonly push: Handler;
  readonly enqueue: Handler;
} {
  const { log } = options;

  async function push(ctx: Context): Promise<void> {
    await guarded(ctx, 'push_error', async () => {
      const ids = idsOf(ctx.path, pushPrefix);
      if (ids.length === 0) return sendResult(ctx, 0, { push_error: noIds });
      sendResult(ctx, ids.length, { status: pushResults(await options.push(ids, 'asked')) });
    });
  }

  async function enqueue(ctx: Context): Promise<void> {
    await guarded(ctx, 'command_error', async () => {
      const ids = idsOf(ctx.path, enqueuePrefix);
      if (ids.length === 0) return sendResult(ctx, 0, { command_error: noIds });
      const isPushed = !new URLSearchParams(ctx.querystring).get('nopush');
      const plist = await readBody(ctx.req, options.bodyLimit);
      if (plist.length > 0) return enqueueAndPush(ctx, ids, plist, isPushed);
      if (!isPushed) {
        return sendResult(ctx, 0, { no_push: true, command_error: 'must enqueue or push' });
      }
      sendResult(ctx, ids.length, { status: pushResults(await options.push(ids, 'asked')) });
    });
  }

  async function enqueueAndPush(
    ctx: Context,
    ids: readonly string[],
    plist: Buffer,
    isPushed: boolean,
  ): Promise<void> {
    const { refused, commandUuid, requestType } = await options.enqueue(ids, plist);
    const status = new Map<string, IdResult>(
      refused.map(({ id, message }) => [id, { command_error: message }]),
    );
    const queued = ids.filter((id) => !status.has(id));
    if (isPushed && queued.length > 0) {
      for (const [id, one] of pushResults(await options.push(queued, 'enqueued'))) {
        status.set(id, one);
      }
    }
    const result: ApiResult = {
      ...(status.size > 0 && { status }),
      ...(!isPushed && { no_push: true }),
      command_uuid: commandUuid,
      request_type: requestType,
    };
    sendResult(ctx, ids.length, result);
  }

  async function guarded(
    ctx: Context,
    member: 'push_error' | 'command_error',
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      sendResult(ctx, 0, { [member]: wordsOf(error) });
    }
  }

  function wordsOf(error: unknown): string {
    if (error instanceof URIError) return 'getting enrollment ids: invalid URL escape';
    if (error instanceof UserError || error instanceof Refusal) return error.message;
    log.error({ err: error }, 'a request of the NanoMDM API failed');
    return 'the server could not do this now; its log says why';
  }

  return { push, enqueue };
}

const noIds = 'getting enrollment ids: empty path';

function pushResults(pushed: ReadonlyMap<string, PushedNow>): Map<string, IdResult> {
  const results = new Map<string, IdResult>();
  for (const [id, { apnsId, error }] of pushed) {
    results.set(id, {
      ...(error !== null && { push_error: error }),
      ...(apnsId !== null && { push_result: apnsId }),
    });
  }
  return results;
}
