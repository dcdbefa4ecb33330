import type { Context } from 'koa';

/** What became of one id. Absent members are left out. */
export interface IdResult {
  readonly push_result?: string;
  readonly push_error?: string;
  readonly command_error?: string;
}

/** NanoMDM's answer to a push or an enqueue, by its names and in its order. */
export interface ApiResult {
  /** By id, in order; absent when there is nothing to say of any. */
  readonly status?: ReadonlyMap<string, IdResult>;
  readonly no_push?: true;
  readonly push_error?: string;
  readonly command_error?: string;
  readonly command_uuid?: string;
  readonly request_type?: string;
}

/** Answers JSON as NanoMDM writes it: indented by tabs, a line end behind it. */
export function sendJson(ctx: Context, status: number, value: unknown): void {
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = `${JSON.stringify(value, null, '\t')}\n`;
}

/**
 * Answers a result with the status that NanoMDM's tools go by: 200 without any error, 207 when some of
 * the ids have one, 500 when all have, or it is about no id.
 * @param asked  how many ids were asked for, each counted once
 */
export function sendResult(ctx: Context, asked: number, result: ApiResult): void {
  const { status, ...others } = result;
  const results = [...(status?.values() ?? [])];
  const errors = results.filter((one) => one.push_error ?? one.command_error).length;
  const whole = others.push_error !== undefined || others.command_error !== undefined;
  const code = whole || (errors > 0 && errors >= asked) ? 500 : errors > 0 ? 207 : 200;
  // `fromEntries` defines members, so that an id like `__proto__` is one too.
  const inOrder = status && { status: Object.fromEntries([...status].sort(byId)) };
  sendJson(ctx, code, { ...inOrder, ...others });
}

function byId([a]: readonly [string, IdResult], [b]: readonly [string, IdResult]): number {
  return a < b ? -1 : 1;
}
