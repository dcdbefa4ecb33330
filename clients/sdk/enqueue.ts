import { commandResultsDocument } from './documents/command-results.ts';
import { enqueueDocument } from './documents/enqueue.ts';
import { type FollowOptions, follow, type LiveIterator } from './follow.ts';
import type {
  CommandInput,
  CommandResultsSubscription,
  EnqueueCommandInput,
  EnqueueMutation,
} from './generated/operations.ts';
import type { Live } from './live/live.ts';
import type { RequestOptions, Requests } from './requests/requests.ts';
import { type ErrorIn, isError } from './result.ts';

/** A command and whom it is for: `plist`, an XML property list, is short for `command: { plist }`. */
export type Enqueue = Omit<EnqueueCommandInput, 'command'> &
  (
    | { readonly plist: string; readonly command?: never }
    | { readonly command: CommandInput; readonly plist?: never }
  );

type Answer = EnqueueMutation['enqueueCommand'];

export interface ResultsOptions<Checkpoints extends boolean = boolean>
  extends FollowOptions<Checkpoints> {
  /**
   * Ends when each target has answered, or its part in the command has ended otherwise.
   * @default false
   */
  readonly untilDone?: boolean | undefined;
}

/** A command that was queued, and its results from before it was. */
export type Sent = Exclude<Answer, ErrorIn<Answer>> & {
  /** What becomes of it, with nothing missed between sending and following. */
  results<Checkpoints extends boolean = false>(
    options?: ResultsOptions<Checkpoints>,
  ): LiveIterator<CommandResultsSubscription, Checkpoints>;
};

export async function enqueue(
  requests: Requests,
  live: Live,
  { plist, command, ...rest }: Enqueue,
  options: RequestOptions | undefined,
): Promise<Sent | ErrorIn<Answer>> {
  const input = { ...rest, command: plist === undefined ? command : { plist } };
  const { enqueueCommand } = await requests.mutate(enqueueDocument, { input }, options);
  if (isError(enqueueCommand)) return enqueueCommand;
  const { commandUuid, cursor, queuedCount } = enqueueCommand;
  return {
    ...enqueueCommand,
    results({ untilDone = false, ...following } = {}) {
      const waiting = untilDone ? queuedCount : Number.POSITIVE_INFINITY;
      // Nobody is waited for: it ends as if it had been told so.
      const signal = waiting === 0 ? AbortSignal.abort() : following.signal;
      const done = new Set<string | null>();
      return follow(
        live,
        commandResultsDocument,
        { filter: { commands: [commandUuid] }, after: cursor },
        { ...following, signal },
        (item) => {
          if (
            item.__typename === 'CommandAnsweredEvent' ||
            item.__typename === 'CommandEndedEvent'
          ) {
            done.add(item.enrollmentId);
          }
          return done.size >= waiting;
        },
      );
    },
  };
}
