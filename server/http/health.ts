import type { Context } from 'koa';

/** One thing that the server needs; `ready` false takes it out of the load balancer. */
export interface ReadinessCheck {
  readonly name: string;
  /** Degraded things are told, but don't make the server unready. */
  readonly required: boolean;
  readonly ready: () => Promise<boolean>;
}

/** `/livez`: the event loop answers, nothing more. */
export function livez(ctx: Context): void {
  ctx.status = 200;
  ctx.body = { status: 'alive' };
}

/**
 * `/readyz`: asks every check, each for at most a second.
 * @returns a handler that answers 200 or 503 with `{ status, checks: { name: "ok" | "failed" } }`
 */
export function readyz(checks: readonly ReadinessCheck[]): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    const results = await Promise.all(
      checks.map(async (check) => ({ check, ok: await within(1_000, check.ready) })),
    );
    const unready = results.some(({ check, ok }) => check.required && !ok);
    const degraded = results.some(({ ok }) => !ok);
    ctx.status = unready ? 503 : 200;
    ctx.body = {
      status: unready ? 'unready' : degraded ? 'degraded' : 'ready',
      checks: Object.fromEntries(
        results.map(({ check, ok }) => [check.name, ok ? 'ok' : 'failed']),
      ),
    };
  };
}

async function within(ms: number, ask: () => Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
