import { createApns } from './apns/client.ts';
import type { Route } from './apns/connect.ts';
import { proxyFromEnvironment } from './apns/proxy.ts';
import type { Settings } from './config.ts';
import { type JobKind, startJobs } from './jobs/runner.ts';
import type { RecurringTask } from './jobs/every.ts';
import type { MdmContext } from './mdm/context.ts';
import { startDuePushes } from './mdm/push/due.ts';
import { createPushIdentities } from './mdm/push/identities.ts';
import type { PushContext } from './mdm/push/push-context.ts';
import { type PushedNow, pushNow, wakeNow } from './mdm/push/push-now.ts';
import { runPushJob } from './mdm/push/push-job.ts';
import { queueJobKinds, runQueueJob } from './mdm/queue/bulk-work.ts';
import { pushJobKind } from './mdm/push/push-job-input.ts';
import { pushSweep, sweepEvery } from './mdm/push/sweep.ts';
import { loadPushIdentity, stopTopic } from './mdm/push-certificates/identity.ts';
import type { Metrics } from './model/metrics.ts';
import type { Viewer } from './model/viewer.ts';

/** What pushes, and what runs jobs. */
export interface PushSide {
  /** Looks for jobs and for pushes at once. */
  kick(): void;
  /** Pushes to ids and waits for Apple: because somebody asked, or for what he has just enqueued. */
  now(
    viewer: Viewer,
    ids: readonly string[],
    why: 'asked' | 'enqueued',
  ): Promise<ReadonlyMap<string, PushedNow>>;
  /** For the tasks that one of all processes does. */
  readonly tasks: readonly RecurringTask[];
  /** Stops pushing; what was claimed and not sent is sent by others, or later. */
  stop(): Promise<void>;
}

/** Where Activation Locks are lifted: Apple's service, unless the settings name another. */
export function escrowRoute(settings: Settings): Route {
  const url = settings.escrowUrl ?? appleEscrow;
  const ca = trustedThere(settings);
  return { url, ...(ca !== null && { ca }), proxy: proxyFromEnvironment(url, process.env) };
}

const appleEscrow = new URL(
  'https://deviceservices-external.apple.com/deviceservicesworkers/escrowKeyUnlock',
);

function trustedThere({ apnsCa }: Settings): string | null {
  const all = apnsCa.flatMap(({ certificates }) => certificates.map((one) => one.toString()));
  return all.length === 0 ? null : all.join('\n');
}

/**
 * Puts together what wakes devices, and runs jobs.
 * @param otherJobs  further kinds of job
 */
export function pushSide(
  ctx: MdmContext,
  settings: Settings,
  metrics: Metrics,
  otherJobs: ReadonlyMap<string, JobKind>,
): PushSide {
  const { clock, log } = ctx;
  const identities = createPushIdentities(
    (topic) => loadPushIdentity(ctx, topic),
    (topic, version, reason) => stopTopic(ctx, topic, version, reason),
    log,
  );
  const ca = trustedThere(settings);
  const apnsUrl = settings.apnsUrl ?? undefined;
  const apns = createApns({
    ...(apnsUrl !== undefined && { url: apnsUrl }),
    ...(ca !== null && { ca }),
    proxy: proxyFromEnvironment(apnsUrl ?? new URL('https://api.push.apple.com'), process.env),
    certificateFor: (topic) => identities.of(topic),
    clock,
    log,
    metrics,
  });
  const push: MdmContext & PushContext = { ...ctx, apns, random: Math.random, identities };
  const jobKinds = new Map<string, JobKind>([
    ...otherJobs,
    [pushJobKind, (job) => runPushJob(push, job)],
  ]);
  for (const kind of queueJobKinds) jobKinds.set(kind, (job) => runQueueJob(ctx, job));
  const jobs = startJobs(ctx.graph, jobKinds, {
    clock,
    log,
    committed: ctx.committed,
  });

  const due = startDuePushes(push);

  return {
    kick() {
      jobs.kick();
      due.kick();
    },
    now: (viewer, ids, why) => (why === 'asked' ? pushNow : wakeNow)(push, viewer, ids),
    tasks: [{ name: 'push sweep', every: sweepEvery, run: () => pushSweep(ctx) }],
    async stop() {
      // Together: jobs and due pushes wait for what is under way, which ends as the client stops.
      await Promise.all([jobs.stop(), due.stop(), apns.stop()]);
    },
  };
}
