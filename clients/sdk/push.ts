import { jobProgressDocument } from './documents/job-progress.ts';
import { pushDocument, pushOutcomesDocument } from './documents/push.ts';
import { type FollowOptions, follow, type LiveIterator } from './follow.ts';
import type {
  JobProgressSubscription,
  PushEnrollmentsInput,
  PushMutation,
  PushOutcomesSubscription,
} from './generated/operations.ts';
import type { Live } from './live/live.ts';
import type { RequestOptions, Requests } from './requests/requests.ts';
import { type ErrorIn, isError } from './result.ts';

type Answer = PushMutation['pushEnrollments'];

export interface ProgressOptions<Checkpoints extends boolean = boolean>
  extends FollowOptions<Checkpoints> {
  /** Ends when the job has. @default false */
  readonly untilDone?: boolean | undefined;
}

/** A push that is under way. */
export type Pushed = Exclude<Answer, ErrorIn<Answer>> & {
  /** What becomes of each. */
  outcomes<Checkpoints extends boolean = false>(
    options?: FollowOptions<Checkpoints>,
  ): LiveIterator<PushOutcomesSubscription, Checkpoints>;
  /** How far it is. */
  progress<Checkpoints extends boolean = false>(
    options?: ProgressOptions<Checkpoints>,
  ): LiveIterator<JobProgressSubscription, Checkpoints>;
};

export async function push(
  requests: Requests,
  live: Live,
  input: PushEnrollmentsInput,
  options: RequestOptions | undefined,
): Promise<Pushed | ErrorIn<Answer>> {
  const { pushEnrollments } = await requests.mutate(pushDocument, { input }, options);
  if (isError(pushEnrollments)) return pushEnrollments;
  const { cursor } = pushEnrollments;
  const job = pushEnrollments.job?.jobId ?? null;
  return {
    ...pushEnrollments,
    outcomes: (following = {}) =>
      follow(live, pushOutcomesDocument, { job, after: cursor }, following),
    progress: (following = {}) => jobProgress(live, { job, after: cursor }, following),
  };
}

const endStates: readonly unknown[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** Follows one job, or all. */
export function jobProgress<Checkpoints extends boolean>(
  live: Live,
  variables: { readonly job?: string | null; readonly after?: string | null },
  { untilDone = false, ...following }: ProgressOptions<Checkpoints>,
): LiveIterator<JobProgressSubscription, Checkpoints> {
  return follow(
    live,
    jobProgressDocument,
    variables,
    following,
    (item) =>
      untilDone && item.__typename === 'JobProgressedEvent' && endStates.includes(item.state),
  );
}
