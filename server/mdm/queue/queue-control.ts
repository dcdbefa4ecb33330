import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';
import { type FoundCommand, findVisibleCommand } from '../../store/queue/find-command.ts';

/** The part of a stored answer that all work on queues has. */
export const storedWork = z.object({
  count: z.number(),
  sample: z.array(z.string()),
  jobId: z.string().nullable(),
  cursor: z.string(),
});

/** @throws {NotFoundError} there is none with this CommandUUID for the viewer */
export async function demandCommand(
  client: Pick<PoolClient, 'query'>,
  uuid: string,
  viewer: Viewer,
): Promise<FoundCommand> {
  const command = await findVisibleCommand(client, uuid, viewer.tenant);
  if (command !== null) return command;
  throw new NotFoundError('UNKNOWN_COMMAND', `No command has the CommandUUID ${uuid}.`, [
    'input',
    'commandUuid',
  ]);
}

/** @throws {ConflictError} there are more than a dry run found */
export function demandNoMoreThan(expected: number | null, count: number): void {
  if (expected === null || count <= expected) return;
  throw new ConflictError(
    'TARGETS_CHANGED',
    `Now it would be ${count}, not ${expected}. Ask with validateOnly again and look at them.`,
    ['input', 'expectedCount'],
  );
}

/**
 * Demands that work at once has done all: it looks for one more than it may do.
 * @throws {ConflictError} so many have come to be meant since they were counted that it would be a job
 */
export function demandWholly(most: number, count: number): void {
  if (count <= most) return;
  throw new ConflictError(
    'TARGETS_CHANGED',
    `Meanwhile more than ${most} have come to be meant, and nothing was done. Ask again: a job does so many.`,
    ['input', 'targets'],
  );
}
