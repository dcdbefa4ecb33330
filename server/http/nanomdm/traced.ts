import { traceIdFrom, withTraceId } from '../../model/trace.ts';
import type { Handler } from '../app.ts';

/** Runs a handler under the request's trace id. @param counted told the status of each answer */
export function traced(handler: Handler, counted: (status: number) => void): Handler {
  return async (ctx) => {
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    await withTraceId(traceId, async () => handler(ctx));
    counted(ctx.status);
  };
}
