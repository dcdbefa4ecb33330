import type { Metrics } from '../../model/metrics.ts';
import { appendExpiryEvents, firstEnd } from '../../store/push-certificates/expiry.ts';
import type { MdmContext } from '../context.ts';

/** Days before its end at which a certificate is told of; 0 is the end itself. */
const marks = [30, 14, 7, 1, 0];
const day = 86_400_000;

/** How often to look, in seconds. */
export const expiryEvery = 3_600;

/**
 * Tells once for each mark that a push certificate comes near its end, and that it has ended.
 * @returns when the first of all certificates ends, or null when there is none
 */
export async function warnOfExpiry(ctx: MdmContext, signal: AbortSignal): Promise<Date | null> {
  if (signal.aborted) return null;
  const told = await appendExpiryEvents(ctx.graph, ctx.clock.now(), marks);
  if (told > 0) ctx.committed();
  return firstEnd(ctx.graph);
}

/**
 * The expiry watch with its metric. The metric is what this process saw when it last looked, and NaN
 * while another one does the looking.
 */
export function createExpiryWatch(
  ctx: MdmContext,
  metrics: Metrics,
): (signal: AbortSignal) => Promise<void> {
  let end: Date | null = null;
  metrics.gauge(
    'graphmdm_push_certificate_expires_in_days',
    'Days until the first of all push certificates ends; negative when it has',
    () => (end === null ? Number.NaN : (end.getTime() - ctx.clock.now().getTime()) / day),
  );
  return async (signal) => {
    end = await warnOfExpiry(ctx, signal);
  };
}
