import type { PoolClient } from 'pg';
import { currentTraceId, newTraceId } from '../../model/trace.ts';
import { lockMovable, moveDevices, type MoveBounds } from '../../store/move-enrollments.ts';
import { endQueues } from '../../store/queue/end-entries.ts';
import type { MoveJobInput } from './move-input.ts';

/** Devices that are moved in one transaction: commands to their tenants wait for it. */
export const movePageSize = 500;

/** What was moved. */
export interface MovedPage {
  readonly count: number;
  /** Commands that waited and have ended by it. */
  readonly endedCount: number;
  /** The last device's key; null when there was none. */
  readonly last: string | null;
}

/**
 * Moves some devices, each whole: with its users' channels and all that belongs to them, so that nobody
 * ever sees one in two tenants.
 */
export async function movePage(
  client: PoolClient,
  { targets, to, actor }: Pick<MoveJobInput, 'targets' | 'to' | 'actor'>,
  bounds: MoveBounds,
  at: Date,
): Promise<MovedPage> {
  const { devices, channels } = await lockMovable(client, targets, to, bounds);
  if (devices.length === 0) return { count: 0, endedCount: 0, last: null };
  const traceId = currentTraceId() ?? newTraceId();
  const endedCount = await endQueues(client, channels, 'MOVED', at, traceId);
  await moveDevices(client, devices, channels, to, { actor, at, traceId });
  return { count: devices.length, endedCount, last: devices.at(-1) ?? null };
}
