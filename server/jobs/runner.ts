import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { withTraceId, newTraceId } from '../model/trace.ts';
import { type ClaimedJob, claimJob, keepJobs, leaveJob } from '../store/jobs/jobs.ts';
import { isUnavailable } from '../store/unavailable.ts';

/** A job while it runs here. */
export interface RunningJob extends ClaimedJob {
  /** Whose lease it is; goes with every `saveJob`. */
  readonly holder: string;
  /** Aborted when it may not go on here: stopped, cancelled, paused, or taken over. */
  readonly signal: AbortSignal;
}

/** A kind of job. It works in short transactions and stores its cursor in each of them. */
export type JobKind = (job: RunningJob) => Promise<void>;

export interface JobRunner {
  /** Looks for work at once: call it after a transaction that made a job has committed. */
  kick(): void;
  /** Lets what runs stop, and puts it back for other processes. */
  stop(): Promise<void>;
}

const leaseSeconds = 20;
const heartbeatMs = 5_000;
const lookEveryMs = 2_000;
const mostAtOnce = 4;

/**
 * Runs jobs of the kinds given, each in one process at a time. When a process dies its lease ends, and
 * another goes on from the job's cursor within 30 seconds.
 */
export function startJobs(
  pool: Pool,
  kinds: ReadonlyMap<string, JobKind>,
  {
    clock,
    log,
    committed,
  }: { readonly clock: Clock; readonly log: Log; readonly committed: () => void },
): JobRunner {
  const holder = randomUUID();
  const running = new Map<
    string,
    { readonly end: AbortController; readonly done: Promise<void> }
  >();
  let stopped = false;
  let looking: Promise<void> | null = null;
  let lookAgain = false;
  let cancelLook = clock.setTimer(lookEveryMs, tick);
  let cancelBeat = clock.setTimer(heartbeatMs, beat);

  function tick(): void {
    kick();
    cancelLook = clock.setTimer(lookEveryMs, tick);
  }

  function beat(): void {
    void keep().finally(() => {
      if (!stopped) cancelBeat = clock.setTimer(heartbeatMs, beat);
    });
  }

  async function keep(): Promise<void> {
    if (running.size === 0) return;
    try {
      const ids = [...running.keys()];
      const kept = new Set(await keepJobs(pool, holder, ids, leaseSeconds));
      for (const id of ids) if (!kept.has(id)) running.get(id)?.end.abort();
    } catch (error) {
      log.warn({ err: error }, 'leases of running jobs could not be kept');
    }
  }

  function kick(): void {
    if (stopped) return;
    if (looking !== null) {
      lookAgain = true;
      return;
    }
    looking = look().finally(() => {
      looking = null;
      if (lookAgain) {
        lookAgain = false;
        kick();
      }
    });
  }

  async function look(): Promise<void> {
    try {
      while (!stopped && running.size < mostAtOnce) {
        const job = await claimJob(pool, holder, [...kinds.keys()], leaseSeconds);
        if (job === null) return;
        start(job);
      }
    } catch (error) {
      log.warn({ err: error }, 'could not look for jobs');
    }
  }

  function start(job: ClaimedJob): void {
    const end = new AbortController();
    const done = withTraceId(newTraceId(), () => run(job, end.signal)).finally(() => {
      running.delete(job.id);
      kick();
    });
    running.set(job.id, { end, done });
  }

  async function run(job: ClaimedJob, signal: AbortSignal): Promise<void> {
    const { id, kind } = job;
    try {
      await kinds.get(kind)?.({ ...job, holder, signal });
      // Aborted in the middle: whoever may go on with it does so from its cursor.
      await leaveJob(pool, id, holder, signal.aborted ? 'QUEUED' : 'SUCCEEDED');
    } catch (error) {
      log.error({ err: error, job: id, kind }, 'job failed');
      // While the database is away nothing can be said of the job: its lease ends by itself.
      if (!isUnavailable(error)) {
        const message = 'An internal error ended the job; the log has it by the job’s id.';
        await leaveJob(pool, id, holder, 'FAILED', message).catch((failure: unknown) =>
          log.error({ err: failure, job: id }, 'the end of a job could not be stored'),
        );
      }
    }
    committed();
  }

  return {
    kick,
    async stop() {
      stopped = true;
      cancelLook();
      cancelBeat();
      await looking;
      for (const { end } of running.values()) end.abort();
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  };
}
