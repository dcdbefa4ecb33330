import { UserError } from '../../model/errors.ts';
import { newTraceId } from '../../model/trace.ts';
import {
  type DueDevice,
  dueDevices,
  lockDue,
  noteEnded,
  noteUnknownProfiles,
} from '../../store/renewal/due.ts';
import { forgetFinished, noteAttempt, noteFailures } from '../../store/renewal/progress.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { EnrollContext } from '../enroll/enroll-context.ts';
import { askDevice } from './ask-device.ts';
import type { RenewalSettings } from './settings.ts';

/** Seconds from one run to the next. */
export const renewalEvery = 60;

/** Rows that one statement lists at most. */
const pageSize = 1_000;
const hour = 3_600_000;

/**
 * Looks after the certificates of devices: forgets renewals that are done, lists those that failed, whose
 * certificate has ended, or whose profile is unknown, and asks the next devices that are due, those with
 * the least time left first. To be run every `renewalEvery` seconds, by one process at a time.
 */
export async function renewCertificates(
  ctx: EnrollContext,
  settings: RenewalSettings,
  signal: AbortSignal,
): Promise<void> {
  const now = ctx.clock.now();
  const traceId = newTraceId();
  await withTransaction(ctx.graph, async (client) => {
    await forgetFinished(client);
    await noteFailures(client, { now, traceId });
  });
  await pages(signal, () =>
    withTransaction(ctx.graph, (client) => noteEnded(client, { now, traceId }, pageSize)),
  );
  const { before } = settings;
  if (before !== null) {
    await pages(signal, () =>
      withTransaction(ctx.graph, (client) =>
        noteUnknownProfiles(client, { now, before }, pageSize),
      ),
    );
    const most = Math.ceil((settings.perHour * renewalEvery * 1_000) / hour);
    for (const device of await dueDevices(ctx.graph, { now, before }, most)) {
      if (signal.aborted) break;
      await ask(ctx, settings, device, { now, traceId });
    }
  }
  ctx.committed();
  ctx.kickJobs();
}

async function pages(signal: AbortSignal, page: () => Promise<number>): Promise<void> {
  while (!signal.aborted && (await page()) === pageSize);
}

/** Asks one device in a transaction of its own; what stands in the way of a profile is listed with it. */
async function ask(
  ctx: EnrollContext,
  settings: RenewalSettings,
  device: DueDevice,
  { now, traceId }: { readonly now: Date; readonly traceId: string },
): Promise<void> {
  const retryAt = nextTry(device.notAfter, now, settings.retry);
  try {
    await withTransaction(ctx.graph, async (client) => {
      if (!(await lockDue(client, device, now))) return;
      const commandKey = await askDevice(ctx, client, device, { at: now, until: retryAt, traceId });
      if (commandKey === null) return;
      await noteAttempt(client, device, { at: now, retryAt, commandKey, reason: null });
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    ctx.log.warn({ enrollment: device.id, reason: error.code }, `not renewed: ${error.message}`);
    await withTransaction(ctx.graph, (client) =>
      noteAttempt(client, device, { at: now, retryAt, commandKey: null, reason: error.code }),
    );
  }
}

/** The less time there is left, the sooner again; but not within the hour. */
function nextTry(notAfter: Date, now: Date, retry: number): Date {
  const left = notAfter.getTime() - now.getTime();
  return new Date(now.getTime() + Math.max(hour, Math.min(retry, left / 2)));
}
