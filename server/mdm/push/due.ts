import { currentTraceId } from '../../model/trace.ts';
import { claimDue } from '../../store/push/claim-due.ts';
import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import { keepOutcomes, type PushOutcomeRow } from '../../store/push/outcomes.ts';
import type { MdmContext } from '../context.ts';
import type { PushContext } from './push-context.ts';
import { sendPushes } from './send.ts';

const pageSize = 500;

/** How often each process looks for pushes whose time has come, in milliseconds. */
const lookEveryMs = 500;

/** Sends the pushes whose time has come, for as long as the process lives. */
export interface DuePushes {
  /** Looks at once: call it after a transaction that asked for pushes has committed. */
  kick(): void;
  /** Looks no more, and waits for what is under way. */
  stop(): Promise<void>;
}

/** Starts looking for pushes that were asked for, put off, tried before, or left by a dead process. */
export function startDuePushes(ctx: MdmContext & PushContext): DuePushes {
  const { clock, log } = ctx;
  let stopped = false;
  let kicked = false;
  let wake = (): void => {};

  /** Until there may be something to do. */
  function rest(): Promise<void> {
    if (kicked || stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.setTimer(lookEveryMs, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async function* pages(): AsyncGenerator<readonly ClaimedPush[]> {
    while (!stopped) {
      kicked = false;
      const page = await claimDue(ctx.graph, pageSize).catch((error: unknown) => {
        log.warn({ err: error }, 'could not look for due pushes');
        return [];
      });
      if (page.length > 0) yield page;
      if (page.length < pageSize) await rest();
    }
  }

  async function keep(rows: readonly PushOutcomeRow[]): Promise<void> {
    try {
      const traceId = currentTraceId() ?? null;
      await keepOutcomes(ctx.graph, rows, { accepted: false, jobId: null, traceId });
      ctx.committed();
    } catch (error) {
      // Their claims run out, and then they are pushed once more.
      log.error({ err: error, pushes: rows.length }, 'outcomes of pushes could not be stored');
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        await sendPushes(ctx, pages(), keep);
      } catch (error) {
        log.error({ err: error }, 'sending due pushes failed; it begins again');
        await rest();
      }
    }
  }

  const running = run();
  return {
    kick() {
      kicked = true;
      wake();
    },
    async stop() {
      stopped = true;
      wake();
      await running;
    },
  };
}
