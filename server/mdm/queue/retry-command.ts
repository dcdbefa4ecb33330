import { createHash, randomUUID } from 'node:crypto';
import type { Channels, EnrollmentFilter, FailedState, Targets } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import { renameCommand } from '../../protocol/messages/rename-command.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { commandBytes } from './deliver.ts';
import { enqueueCommand } from './enqueue.ts';
import type { CommandTiming, EnqueueAnswer } from './enqueue-types.ts';
import { demandCommand } from './queue-control.ts';

export interface RetryCommandInput {
  readonly commandUuid: string;
  /** How it ended for those who get it again. */
  readonly states: readonly FailedState[];
  /** Only these of them; null: all. */
  readonly targets: Targets | null;
  /** Without a priority: that of the command. */
  readonly timing: Omit<CommandTiming, 'priority'> & { readonly priority: number | null };
  readonly validateOnly: boolean;
  readonly expectedCount: number | null;
  readonly push: boolean;
  readonly force: boolean;
  readonly sampled: boolean;
  readonly idempotencyKey: string | null;
}

/**
 * Sends a command once more to targets at which it failed: as a new command, with a CommandUUID of its
 * own and otherwise the same body. Whoever has done it after all, only too late, is left out.
 * @throws {NotFoundError} no such command for this viewer
 * @throws {ConflictError} nobody is left to send it to; and as `enqueueCommand`
 */
export async function retryCommand(
  ctx: MdmContext,
  viewer: Viewer,
  input: RetryCommandInput,
): Promise<EnqueueAnswer> {
  demandScope(viewer, 'commands:write');
  const command = await demandCommand(ctx.graph, input.commandUuid, viewer);
  const { idempotencyKey, validateOnly, expectedCount, push, force, sampled, timing } = input;
  const uuid = idempotencyKey === null ? randomUUID() : repeatableUuid(viewer, input);
  return enqueueCommand(
    ctx,
    // A command reaches one tenant only: its own.
    { ...viewer, tenant: command.tenantId },
    {
      targets: {
        ...filterOf(input.targets),
        failedOf: { commandKey: command.key, states: [...input.states].sort() },
      },
      plist: renameCommand(commandBytes(ctx.keyring, { ...command, renewal: false }), uuid),
      validateOnly,
      expectedCount,
      idempotencyKey,
      timing: { ...timing, priority: timing.priority ?? command.priority },
      push,
      force,
      sampled,
    },
    { mutation: 'retryCommand', retryOf: command.key },
  );
}

function filterOf(targets: Targets | null): {
  readonly filter: EnrollmentFilter;
  readonly channels: Channels;
} {
  if (targets === null) return { filter: {}, channels: 'ALL' };
  if ('ids' in targets) return { filter: { ids: targets.ids }, channels: 'ALL' };
  const { channels } = targets;
  return { filter: 'filter' in targets ? targets.filter : {}, channels };
}

/** The same for a repeat, or that would be new input; another for another token's key. */
function repeatableUuid({ tokenId, actor }: Viewer, input: RetryCommandInput): string {
  const caller = JSON.stringify([tokenId ?? actor, input.commandUuid, input.idempotencyKey]);
  const hex = createHash('sha256').update(caller).digest('hex').slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
