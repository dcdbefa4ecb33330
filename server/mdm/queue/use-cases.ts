import type { Viewer } from '../../model/viewer.ts';
import type { MdmContext } from '../context.ts';
import { cancelCommand } from './cancel-command.ts';
import { clearQueue } from './clear-queue.ts';
import type { EnqueueAnswer } from './enqueue-types.ts';
import type {
  CancelCommandAnswer,
  CancelCommandInput,
  ClearQueueInput,
  CommandWorkAnswer,
  QueueWorkAnswer,
  SetCommandPriorityInput,
} from './queue-control-types.ts';
import { type RetryCommandInput, retryCommand } from './retry-command.ts';
import { setCommandPriority } from './set-priority.ts';

/** What can be done about commands once they are queued. */
export interface QueueUseCases {
  cancelCommand(viewer: Viewer, input: CancelCommandInput): Promise<CancelCommandAnswer>;
  clearQueue(viewer: Viewer, input: ClearQueueInput): Promise<QueueWorkAnswer>;
  setCommandPriority(viewer: Viewer, input: SetCommandPriorityInput): Promise<CommandWorkAnswer>;
  retryCommand(viewer: Viewer, input: RetryCommandInput): Promise<EnqueueAnswer>;
}

export function queueUseCases(ctx: MdmContext): QueueUseCases {
  return {
    cancelCommand: (viewer, input) => cancelCommand(ctx, viewer, input),
    clearQueue: (viewer, input) => clearQueue(ctx, viewer, input),
    setCommandPriority: (viewer, input) => setCommandPriority(ctx, viewer, input),
    retryCommand: (viewer, input) => retryCommand(ctx, viewer, input),
  };
}
