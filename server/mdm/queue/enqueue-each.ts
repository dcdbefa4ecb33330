import { ConflictError, NotFoundError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';
import { readCommand } from '../../protocol/messages/command.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { enqueueCommand } from './enqueue.ts';
import { refusedAmong } from './enqueue-targets.ts';
import { ordinaryTiming, type RefusedTarget } from './enqueue-types.ts';

/** What became of a command for ids that were named one by one. */
export interface EnqueuedEach {
  readonly commandUuid: string;
  readonly requestType: string;
  readonly refused: readonly RefusedTarget[];
}

/**
 * Queues a command for ids, as `enqueueCommand` does, and pushes to none of them. Ids that nothing can be
 * queued for are told one by one, also when no other is left.
 * @throws {UserError} the command itself; nothing is queued then
 */
export async function enqueueEach(
  ctx: MdmContext,
  viewer: Viewer,
  ids: readonly string[],
  plist: Buffer,
): Promise<EnqueuedEach> {
  const targets = { ids };
  try {
    return await enqueueCommand(ctx, viewer, {
      targets,
      plist,
      validateOnly: false,
      expectedCount: null,
      idempotencyKey: null,
      timing: ordinaryTiming,
      push: false,
      // NanoMDM queues whatever it is given.
      force: true,
      sampled: false,
    });
  } catch (error) {
    if (!isAboutAllIds(error)) throw error;
    const refused = await withTransaction(ctx.graph, (client) =>
      refusedAmong(client, targets, viewer.tenant),
    );
    const { commandUuid, requestType } = readCommand(plist);
    return { commandUuid, requestType, refused };
  }
}

/** Whether nothing is left because each id is unknown or disabled. */
function isAboutAllIds(error: unknown): boolean {
  return (
    (error instanceof NotFoundError && error.code === 'UNKNOWN_ENROLLMENT') ||
    (error instanceof ConflictError && error.code === 'NOT_ENABLED')
  );
}
