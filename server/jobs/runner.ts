import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { withTraceId, newTraceId } from '../model/trace.ts';
import {
  type ClaimedJob,
  claimJob,
  countStall,
  JobFailed,
  JobTakenOver,
  keepJobs,
  leaveJob,
} from '../store/jobs/jobs.ts';
import { mayPass, tookTooLong } from '../store/unavailable.ts';

/** A job while it runs here. */
export interface RunningJob extends ClaimedJob {
  /** Names this run; goes with every `saveJob`. */
  readonly holder: string;
  /** Aborted when it may not go on here: stopped, cancelled, paused, or taken over. */
  readonly signal: AbortSignal;
}

/** A kind of job. It works in short transactions and stores its cursor as it gets on. */
export type JobKind = (job: RunningJob) => Promise<void>;

export interface JobRunner {
  /** Looks for work at once: call it after a transaction that made a job has committed. */
  kick(): void;
  /** Lets what runs stop, and puts it back for other processes. */
  stop(): Promise<void>;
}

/** Together at most 22 seconds from a process's death to another's taking over. */
const leaseSeconds = 20;
const lookEveryMs = 2_000;
const heartbeatMs = 5_000;
const mostAtOnce = 8;

/** So often in a row a job may take too long without getting any further. */
const mostStalls = 10;

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
  /** By holder. */
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
      const holders = [...running.keys()];
      const kept = new Set(await keepJobs(pool, holders, leaseSeconds));
      for (const holder of holders) if (!kept.has(holder)) running.get(holder)?.end.abort();
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
        const holder = randomUUID();
        const job = await claimJob(pool, holder, [...kinds.keys()], leaseSeconds);
        if (job === null) return;
        start(job, holder);
      }
    } catch (error) {
      log.warn({ err: error }, 'could not look for jobs');
    }
  }

  function start(job: ClaimedJob, holder: string): void {
    const end = new AbortController();
    if (stopped) end.abort();
    const done = withTraceId(newTraceId(), () => run(job, holder, end.signal)).finally(() => {
      running.delete(holder);
      kick();
    });
    running.set(holder, { end, done });
  }

  async function run(job: ClaimedJob, holder: string, signal: AbortSignal): Promise<void> {
    const { id, kind } = job;
    try {
      await kinds.get(kind)?.({ ...job, holder, signal });
      // Aborted in the middle: whoever may go on with it does so from its cursor.
      await leaveJob(pool, id, holder, signal.aborted ? 'QUEUED' : 'SUCCEEDED');
    } catch (error) {
      if (error instanceof JobTakenOver) return log.warn({ job: id, kind }, error.message);
      if (error instanceof JobFailed) log.warn({ job: id, kind, code: error.code }, error.message);
      else if (signal.aborted) log.info({ err: error, job: id, kind }, 'job broken off');
      else log.error({ err: error, job: id, kind }, 'job failed');
      await endOf(error, id, holder, signal).catch((failure: unknown) =>
        log.error({ err: failure, job: id }, 'the end of a job could not be stored'),
      );
    }
    committed();
  }

  /**
   * What comes of being broken off says nothing about the job: others go on with it at once.
   *
   * What was only bad luck (the database is away, a time-out, a deadlock) is left to the lease: it ends by
   * itself, and the job goes on from its cursor. Time-outs without end are the job's own, and each try may
   * have kept others waiting.
   */
  async function endOf(
    error: unknown,
    id: string,
    holder: string,
    { aborted }: AbortSignal,
  ): Promise<void> {
    if (aborted && !(error instanceof JobFailed)) return leaveJob(pool, id, holder, 'QUEUED');
    if (!mayPass(error)) return leaveJob(pool, id, holder, 'FAILED', whyOf(error));
    if (!tookTooLong(error)) return;
    if ((await countStall(pool, id, holder)) >= mostStalls) {
      await leaveJob(pool, id, holder, 'FAILED', stalled);
    }
  }

  return {
    kick,
    async stop() {
      stopped = true;
      cancelLook();
      cancelBeat();
      for (const { end } of running.values()) end.abort();
      await looking;
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  };
}

const stalled = {
  code: 'STALLED',
  message:
    `The database broke it off ${mostStalls} times for taking too long, and it got no further: what it had ` +
    'done stays done. Ask again for what is left, for less at a time or when the database has less to do.',
};

/** What is shown of an error that ended a job: nothing of one that nobody has foreseen. */
function whyOf(error: unknown): { readonly message: string; readonly code?: string } {
  return error instanceof JobFailed
    ? { code: error.code, message: error.message }
    : { message: 'An internal error ended the job; the log has it by the job’s id.' };
}
